//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/internal/fakes3"
	"github.com/autonomous-data-pipeline/adp/internal/fakesnow"
	"github.com/autonomous-data-pipeline/adp/internal/realkafka"
)

// target is a kind of table, or of source, under fire. Files with build tags
// may add more to targets.
type target struct {
	tags string // of its programs, beside crashpoints
	// python gives an interpreter that can read the table.
	python func(t *testing.T) string
	// start runs what the table needs beside, for one lane and as long as the
	// test lasts. Nil is nothing.
	start func(t *testing.T) counterpart
	// broker runs a broker; nil is the embedded one, behind a proxy.
	broker func(t *testing.T) (b broker, address string)
	lanes  int // at most so many side by side; 0 is no limit
}

// counterpart is what a lane's table needs.
type counterpart struct {
	// storage is the host:port that the worker reaches through a proxy; empty is
	// none.
	storage string
	// env is for the worker and the command line: via is the address of storage
	// to use, data the lane's folder.
	env func(via, data string) []string
	// where tells testdata/reader.py where the table is.
	where func(data string) map[string]any
}

var inFolder = counterpart{
	env: func(_, data string) []string {
		return []string{"SINK_MODE=PARQUET", "PARQUET_OUT=" + filepath.Join(data, "out")}
	},
	where: func(data string) map[string]any {
		return map[string]any{"kind": "folder", "table": filepath.Join(data, "out", "customers"), "quarantine": filepath.Join(data, "quarantine", "customers")}
	},
}

var targets = map[string]target{
	"parquet":    {python: python, start: func(*testing.T) counterpart { return inFolder }},
	"parquet-s3": {tags: "cloud", python: python, start: inBucket},
	"iceberg":    {python: pyiceberg, start: func(*testing.T) counterpart { return inIceberg }},
	"snowflake":  {python: withFakesnow, start: inSnowflake, lanes: 2},
	"apache-kafka": {
		python: python, start: func(*testing.T) counterpart { return inFolder }, lanes: 1,
		broker: func(t *testing.T) (broker, string) {
			b := realkafka.Start(t)
			cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
			require.NoError(t, err)
			defer cl.Close()
			_, err = kadm.NewClient(cl).CreateTopic(t.Context(), partitions, 1, map[string]*string{"message.timestamp.type": kadm.StringPtr("CreateTime")}, topic)
			require.NoError(t, err)
			return b, b.Address
		},
	},
}

// inIceberg is an Iceberg table in a folder, its catalog in SQLite.
var inIceberg = counterpart{
	env: func(_, data string) []string {
		return []string{"SINK_MODE=ICEBERG", "ICEBERG_WAREHOUSE=" + filepath.Join(data, "out")}
	},
	where: func(data string) map[string]any {
		return map[string]any{
			"kind": "iceberg", "table": filepath.Join(data, "out"), "catalog": filepath.Join(data, "out", "catalog.db"), "catalog_name": "adp",
			"quarantine": filepath.Join(data, "quarantine", "customers-iceberg"),
		}
	},
}

func pyiceberg(t *testing.T) string {
	t.Helper()
	return interpreter(t, "readers-iceberg", "duckdb, pyarrow, pyiceberg.catalog.sql",
		[]string{"duckdb==1.5.4", "pyarrow==24.0.0", "pyiceberg[sql-sqlite]==0.12.0"})
}

// inBucket is a table in object storage, on a server of the lane's own.
func inBucket(t *testing.T) counterpart {
	t.Helper()
	server := fakes3.Start(t)
	server.Bucket(t, "lake")
	host := strings.TrimPrefix(server.URL, "http://")
	return counterpart{
		storage: host,
		env: func(via, _ string) []string {
			env := []string{"SINK_MODE=PARQUET", "PARQUET_OUT=s3://lake/out?region=us-east-1&use_path_style=true&endpoint=http://" + via}
			return append(env, pairs(fakes3.Env())...)
		},
		where: func(string) map[string]any {
			return map[string]any{"kind": "bucket", "endpoint": host, "table": "lake/out/customers", "quarantine": "lake/out/_quarantine/customers"}
		},
	}
}

func withFakesnow(t *testing.T) string {
	t.Helper()
	return fakesnow.Python(t)
}

// inSnowflake is a table in a fakesnow of the lane's own.
func inSnowflake(t *testing.T) counterpart {
	t.Helper()
	server := fakesnow.Start(t)
	return counterpart{
		storage: fmt.Sprintf("127.0.0.1:%d", server.Port),
		env: func(via, _ string) []string {
			env := server.Env()
			_, env["SNOWFLAKE_PORT"], _ = strings.Cut(via, ":")
			env["SINK_MODE"], env["SNOWFLAKE_TABLE"] = "SNOWFLAKE", "RAW_CUSTOMERS"
			return pairs(env)
		},
		where: func(string) map[string]any {
			return map[string]any{"kind": "snowflake", "name": fakesnow.Database + ".PUBLIC.RAW_CUSTOMERS", "connection": map[string]any{
				"account": fakesnow.Account, "user": fakesnow.User, "password": fakesnow.Password, "database": fakesnow.Database, "schema": "PUBLIC",
				"host": "127.0.0.1", "port": server.Port, "protocol": "http",
			}}
		},
	}
}

func pairs(env map[string]string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(env)) {
		out = append(out, key+"="+env[key])
	}
	return out
}

// chosen are the targets that CRASH_TARGET names: one or more, or all.
func chosen(t *testing.T) []string {
	t.Helper()
	v := os.Getenv("CRASH_TARGET")
	switch v {
	case "":
		return []string{"parquet"}
	case "all":
		return slices.Sorted(maps.Keys(targets))
	}
	names := strings.Split(v, ",")
	for _, name := range names {
		require.Contains(t, targets, name, "CRASH_TARGET")
	}
	return names
}

// changeSchema declares one more nullable text field.
func (s *stack) changeSchema(field string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "schemas", "customers.avsc")
	b, err := os.ReadFile(path)
	require.NoError(s.t, err)
	var schema map[string]any
	require.NoError(s.t, json.Unmarshal(b, &schema))
	schema["fields"] = append(schema["fields"].([]any), map[string]any{"name": field, "type": []string{"null", "string"}, "default": nil})
	b, err = json.Marshal(schema)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(path, b, 0o600))
}
