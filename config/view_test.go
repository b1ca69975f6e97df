package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestNoVariableMakesTwoPipelinesOne(t *testing.T) {
	topic := func(p *Pipeline) string { return p.Source.Topic }
	table := func(p *Pipeline) string { return p.Sink.Snowflake.Table }
	toSnowflake := []string{"SINK_MODE", "snowflake", "SNOWFLAKE_ACCOUNT", "a", "SNOWFLAKE_USER", "u", "SNOWFLAKE_PASSWORD", "p",
		"SNOWFLAKE_WAREHOUSE", "w", "SNOWFLAKE_DATABASE", "d", "SNOWFLAKE_SCHEMA", "s"}
	tests := map[string]struct {
		of       func(*Pipeline) string
		declared []string
		env      []string
		want     map[string]string // pipeline → its topic or table; "" is refused
	}{
		"unset, files decide": {
			topic, []string{"customers", "orders"}, nil, map[string]string{"customers": "customers", "orders": "orders"},
		},
		"the only pipeline takes it": {
			topic, []string{"customers"}, []string{"KAFKA_TOPIC", "shop"}, map[string]string{"customers": "shop"},
		},
		"a pipeline's own wins": {
			topic, []string{"customers", "orders"}, []string{"KAFKA_TOPIC_ORDERS", "shop.orders"},
			map[string]string{"customers": "customers", "orders": "shop.orders"},
		},
		"a topic that one file names is that pipeline's": {
			topic, []string{"customers", "orders"}, []string{"KAFKA_TOPIC", "customers"},
			map[string]string{"customers": "customers", "orders": "orders"},
		},
		"also when that one reads another": {
			topic, []string{"customers", "orders"}, []string{"KAFKA_TOPIC", "customers", "KAFKA_TOPIC_CUSTOMERS", "new"},
			map[string]string{"customers": "new", "orders": "orders"},
		},
		"two would read one": {
			topic, []string{"customers", "orders"}, []string{"KAFKA_TOPIC", "shop"}, map[string]string{"customers": "", "orders": ""},
		},
		"what is left after the others' own": {
			topic, []string{"customers", "orders"}, []string{"KAFKA_TOPIC", "shop", "KAFKA_TOPIC_ORDERS", "shop.orders"},
			map[string]string{"customers": "shop", "orders": "shop.orders"},
		},
		"a table of Snowflake is one pipeline's": {
			table, []string{"customers", "orders"}, append([]string{"SNOWFLAKE_TABLE", "CUSTOMERS"}, toSnowflake...),
			map[string]string{"customers": "CUSTOMERS", "orders": "orders"},
		},
		"two would load into one": {
			table, []string{"customers", "orders"}, append([]string{"SNOWFLAKE_TABLE", "RAW"}, toSnowflake...),
			map[string]string{"customers": "", "orders": ""},
		},
		"each has its own": {
			table, []string{"customers", "orders"}, append([]string{"SNOWFLAKE_TABLE", "RAW", "SNOWFLAKE_TABLE_ORDERS", "RAW_ORDERS"}, toSnowflake...),
			map[string]string{"customers": "RAW", "orders": "RAW_ORDERS"},
		},
		"a table of Snowflake doesn't matter to Parquet": {
			table, []string{"customers", "orders"}, []string{"SNOWFLAKE_TABLE", "RAW"},
			map[string]string{"customers": "customers", "orders": "orders"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := Config{DataDir: t.TempDir(), PipelinesDir: t.TempDir()}
			for _, p := range tc.declared {
				b, err := os.ReadFile(filepath.Join("..", "pipelines", p+".yml"))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(c.PipelinesDir, p+".yml"), b, 0o600))
			}
			for p, want := range tc.want {
				got, err := c.Load(p, env(tc.env...))
				if want == "" {
					require.ErrorContains(t, err, "_"+strings.ToUpper(p))
					require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
					continue
				}
				require.NoError(t, err)
				require.Equal(t, want, tc.of(got))
			}
		})
	}
}
