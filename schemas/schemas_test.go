package schemas_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

func parse(t testing.TB, fields string) *schemas.Schema {
	t.Helper()
	s, err := schemas.Parse([]byte(`{"type":"record","name":"c","fields":[` + fields + `]}`))
	require.NoError(t, err)
	return s
}

func TestASchemaReadsBackEqual(t *testing.T) {
	b, err := os.ReadFile("customers.avsc")
	require.NoError(t, err)
	customers, err := schemas.Parse(b)
	require.NoError(t, err)
	all := parse(t, `{"name":"a","type":"boolean"},{"name":"b","type":["null","int"]},{"name":"c","type":"float"},
		{"name":"d","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},{"name":"e","type":{"type":"string","adp.type":"json"}},
		{"name":"f","type":{"type":"int","logicalType":"date"},"doc":"x"}`)
	for _, s := range []*schemas.Schema{customers, all} {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		back, err := schemas.Parse(text)
		require.NoError(t, err)
		require.Equal(t, s, back)
		require.Equal(t, s.Fingerprint(), back.Fingerprint())
	}
}

func TestEveryProblemOfASchemaIsReported(t *testing.T) {
	_, err := schemas.Parse([]byte(`{"type":"enum","fields":[{"name":"a","type":"bytes"},{"name":"_b","type":"string"},{"name":"c","type":"string"},
		{"name":"c","type":"string"},{"name":"d","type":["int","string"]},{"name":"e","type":"int","default":5}]}`))
	for _, want := range []string{"must be a record", "name is missing", `"bytes" is not supported`, "underscore", `"c" is declared twice`, "only [\"null\", T]", "default 5"} {
		require.ErrorContains(t, err, want)
	}
}

func added(field, observed string) pipeline.Drift {
	return pipeline.Drift{Kind: pipeline.FieldAdded, Field: field, Observed: observed}
}

func TestAdditiveDriftGivesNullableColumns(t *testing.T) {
	s := parse(t, `{"name":"id","type":"string"}`)
	next, err := s.Add([]pipeline.Drift{added("tier", "string"), added("id", "string")})
	require.NoError(t, err)
	require.Equal(t, []schemas.Field{{Name: "id", Type: schemas.String}, {Name: "tier", Type: schemas.String, Nullable: true, Doc: "added by schema drift"}}, next.Fields)
	require.NoError(t, schemas.Compatible(s, next))
	same, err := next.Add([]pipeline.Drift{added("tier", "string")})
	require.NoError(t, err)
	require.Same(t, next, same)
}

func TestWhatCannotBeAddedIsRefused(t *testing.T) {
	s := parse(t, `{"name":"id","type":"string"}`)
	tests := map[string]pipeline.Drift{
		"a breaking drift":                  {Kind: pipeline.TypeChanged, Field: "id", Observed: "long", Breaking: true},
		"the pipeline's own name":           added("_offset", "long"),
		"a name that differs in case alone": added("ID", "string"),
		"no Avro name":                      added("a-b", "string"),
		"a name that begins with a digit":   added("1a", "string"),
		"a quote":                           added(`a"b`, "string"),
		"an endless name":                   added(strings.Repeat("a", 129), "string"),
		"a type that no column has":         added("x", "object"),
	}
	for name, d := range tests {
		_, err := s.Add([]pipeline.Drift{d})
		require.Error(t, err, name)
	}
	_, err := s.Add([]pipeline.Drift{added("tier", "string"), added("Tier", "string")})
	require.Error(t, err, "two new names that differ in case alone")
}

func TestInferFindsTheNarrowestType(t *testing.T) {
	tests := map[schemas.Observed]schemas.Type{
		schemas.SawBoolean: schemas.Boolean, schemas.SawLong: schemas.Long, schemas.SawDouble: schemas.Double,
		schemas.SawLong | schemas.SawDouble: schemas.Double, schemas.SawString | schemas.SawNull: schemas.String,
		schemas.SawString | schemas.SawLong: schemas.JSON, schemas.SawObject: schemas.JSON, schemas.SawArray | schemas.SawNull: schemas.JSON,
	}
	for saw, want := range tests {
		require.Equal(t, want, saw.Infer(), "%b", saw)
	}
}

func TestReconcileKeepsWhatWasLearned(t *testing.T) {
	learned := parse(t, `{"name":"id","type":"string"},{"name":"tier","type":["null","string"]},{"name":"old","type":"long"}`)
	declared := parse(t, `{"name":"id","type":"string"},{"name":"email","type":["null","string"]}`)
	next := schemas.Reconcile(declared, learned)
	var names []string
	for _, f := range next.Fields {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"id", "email", "tier", "old"}, names)
	require.True(t, next.Fields[3].Nullable, "a column that people dropped stays, and is filled no more")
	require.NoError(t, schemas.Compatible(learned, next))
	require.Same(t, declared, schemas.Reconcile(declared, nil))
}

func TestCompatible(t *testing.T) {
	old := parse(t, `{"name":"id","type":"string"},{"name":"age","type":["null","long"]}`)
	tests := map[string]struct{ next, want string }{
		"the same":                            {`{"name":"id","type":"string"},{"name":"age","type":["null","long"]}`, ""},
		"a required column may be nullable":   {`{"name":"id","type":["null","string"]},{"name":"age","type":["null","long"]}`, ""},
		"a nullable column can't be required": {`{"name":"id","type":"string"},{"name":"age","type":"long"}`, "was nullable"},
		"a column can't go":                   {`{"name":"id","type":"string"}`, "was dropped"},
		"a type can't change":                 {`{"name":"id","type":"long"},{"name":"age","type":["null","long"]}`, "changed its type"},
		"a new column can't be required":      {`{"name":"id","type":"string"},{"name":"age","type":["null","long"]},{"name":"x","type":"string"}`, "rows written before lack it"},
	}
	for name, tc := range tests {
		err := schemas.Compatible(old, parse(t, tc.next))
		if tc.want == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, tc.want, name)
		}
	}
}

func TestStatsOfPartsAddUp(t *testing.T) {
	var whole, a, b schemas.Stat
	for i, v := range []string{"x", "é", "", "x"} {
		whole.AddBytes([]byte(v))
		if i%2 == 0 {
			a.AddBytes([]byte(v))
		} else {
			b.AddBytes([]byte(v))
		}
	}
	require.Equal(t, whole.Column("c").Sum, a.Column("c").Sum+b.Column("c").Sum)
	require.Equal(t, "", whole.Column("c").Min)
	require.Equal(t, "é", whole.Column("c").Max)

	var long schemas.Stat
	long.AddBytes([]byte(strings.Repeat("a", 63) + "é"))
	require.Equal(t, strings.Repeat("a", 63), long.Column("c").Max, "not in the middle of a character")

	var f schemas.Stat
	f.AddDouble(math.Copysign(0, -1))
	f.AddNull()
	var zero schemas.Stat
	zero.AddDouble(0)
	require.Equal(t, zero.Column("c").Sum, f.Column("c").Sum, "formats differ in keeping the sign of zero")
	require.Equal(t, int64(1), f.Column("c").Nulls)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"record","name":"c","fields":[{"name":"a","type":["null",{"type":"long","logicalType":"timestamp-micros"}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := schemas.Parse(b)
		if err != nil {
			return
		}
		text, err := json.Marshal(s)
		require.NoError(t, err)
		back, err := schemas.Parse(text)
		require.NoError(t, err)
		require.Equal(t, s.Fingerprint(), back.Fingerprint())
	})
}
