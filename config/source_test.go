package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source/files"
	"github.com/autonomous-data-pipeline/adp/source/kafka"
	"github.com/autonomous-data-pipeline/adp/source/postgres"
)

// from gives the customers pipeline other lines at the start of its source.
func from(lines string) func(string) string {
	return func(text string) string { return strings.Replace(text, "source:\n", "source:\n"+lines, 1) }
}

func TestTheKindChoosesTheSource(t *testing.T) {
	c := project(t, from("  kind: files\n  files: {path: /in, settle: 1m}\n"))
	p, err := c.Load("customers", env("KAFKA_TOPIC", "other", "KAFKA_BROKER", "no/broker"))
	require.NoError(t, err)
	require.Equal(t, "customers", p.Source.Topic, "Kafka's variables are about Kafka")
	require.Equal(t, "/in", p.Source.Files.Path)
	require.Equal(t, filepath.Join(c.DataDir, "sources", "customers", "index.db"), p.Source.Files.Index)
	require.ErrorContains(t, p.Source.NeedsKafka("play"), "source.kind")
	src, err := c.Source(p, nil)
	require.NoError(t, err)
	require.IsType(t, &files.Source{}, src)

	p, err = c.Load("customers", env("FILES_PATH", "/elsewhere"))
	require.NoError(t, err)
	require.Equal(t, "/elsewhere", p.Source.Files.Path)

}

func TestATableIsASourceWhosePasswordIsNotInTheFile(t *testing.T) {
	c := project(t, from("  kind: postgres\n  postgres: {url: 'postgres://reader@db/shop', column: nr, timestamp: at}\n"))
	p, err := c.Load("customers", env("POSTGRES_PASSWORD", "two"))
	require.NoError(t, err)
	require.Equal(t, "two", p.Source.Postgres.Password)
	require.Equal(t, "nr", p.Source.Postgres.Column)
	src, err := c.Source(p, nil)
	require.NoError(t, err)
	require.IsType(t, &postgres.Source{}, src)

	p, err = c.Load("customers", env("POSTGRES_URL", "postgres://other:three@elsewhere/shop"))
	require.NoError(t, err)
	require.Equal(t, "postgres://other@elsewhere/shop", p.Source.Postgres.URL)
	require.Equal(t, "three", p.Source.Postgres.Password)
}

func TestKafkaIsTheSourceThatNobodyHasToName(t *testing.T) {
	c := project(t, same)
	p, err := c.Load("customers", env("FILES_PATH", "/elsewhere"))
	require.NoError(t, err)
	require.NoError(t, p.Source.NeedsKafka("play"))
	src, err := c.Source(p, nil)
	require.NoError(t, err)
	require.IsType(t, &kafka.Source{}, src)
}

func TestWhatIsWrongWithASourceNamesItsSetting(t *testing.T) {
	for name, tc := range map[string]struct{ lines, want string }{
		"an unknown kind":                {"  kind: ftp\n", "source.kind"},
		"no folder":                      {"  kind: files\n", "source.files.path"},
		"a start that only Kafka has":    {"  kind: files\n  start: latest\n  files: {path: /in}\n", "source.start"},
		"a database without an address":  {"  kind: postgres\n", "POSTGRES_URL"},
		"an unknown key of another kind": {"  files: {folder: /in}\n", "field folder not found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := project(t, from(tc.lines)).Load("customers", env())
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		})
	}
}
