package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

func schema(t *testing.T, fields string) *schemas.Schema {
	t.Helper()
	s, err := schemas.Parse([]byte(`{"type":"record","name":"c","fields":[` + fields + `]}`))
	require.NoError(t, err)
	return s
}

func TestSchemaVersions(t *testing.T) {
	s := fresh(t)
	one := SchemaVersion{Pipeline: "customers", Schema: schema(t, `{"name":"id","type":"string"}`), Declared: "d1", At: t0}
	two := one
	two.Schema = schema(t, `{"name":"id","type":"string"},{"name":"tier","type":["null","string"]}`)

	_, ok, err := s.LatestSchema(t.Context(), "customers")
	require.NoError(t, err)
	require.False(t, ok)
	v, err := s.RecordSchema(t.Context(), 0, one)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	v, err = s.RecordSchema(t.Context(), 1, two)
	require.NoError(t, err)
	require.Equal(t, 2, v.Version)
	v, err = s.RecordSchema(t.Context(), 1, two)
	require.NoError(t, err, "a repeat finds what it recorded")
	require.Equal(t, 2, v.Version)
	_, err = s.RecordSchema(t.Context(), 1, one)
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err), "a base that is the newest no more must plan again")
	all, err := s.Schemas(t.Context(), "customers")
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, two.Schema.Fields, all[1].Schema.Fields)
}

func TestADeclarationWithTheSameColumnsIsAVersionOfItsOwn(t *testing.T) {
	s := fresh(t)
	v := SchemaVersion{Pipeline: "customers", Schema: schema(t, `{"name":"id","type":"string"}`), Declared: "d1", At: t0}
	_, err := s.RecordSchema(t.Context(), 0, v)
	require.NoError(t, err)
	v.Declared = "d2"
	got, err := s.RecordSchema(t.Context(), 1, v)
	require.NoError(t, err)
	require.Equal(t, 2, got.Version)
	last, ok, err := s.LatestSchema(t.Context(), "customers")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, got, last, "what was recorded comes back as it was answered")
}

func TestASchemaVersionNeedsASchemaAndAPipeline(t *testing.T) {
	s := fresh(t)
	_, err := s.RecordSchema(t.Context(), 0, SchemaVersion{Pipeline: "customers"})
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
	_, err = s.RecordSchema(t.Context(), 0, SchemaVersion{Schema: schema(t, `{"name":"id","type":"string"}`)})
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
}
