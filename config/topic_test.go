package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestKafkaTopicNeverMakesTwoPipelinesReadOneTopic(t *testing.T) {
	tests := map[string]struct {
		declared []string
		env      []string
		want     map[string]string // pipeline → topic; "" is refused
	}{
		"unset, files decide": {
			[]string{"customers", "orders"}, nil, map[string]string{"customers": "customers", "orders": "orders"},
		},
		"the only pipeline takes it": {
			[]string{"customers"}, []string{"KAFKA_TOPIC", "shop"}, map[string]string{"customers": "shop"},
		},
		"a pipeline's own wins": {
			[]string{"customers", "orders"}, []string{"KAFKA_TOPIC_ORDERS", "shop.orders"},
			map[string]string{"customers": "customers", "orders": "shop.orders"},
		},
		"a topic that one file names is that pipeline's": {
			[]string{"customers", "orders"}, []string{"KAFKA_TOPIC", "customers"},
			map[string]string{"customers": "customers", "orders": "orders"},
		},
		"also when that one reads another": {
			[]string{"customers", "orders"}, []string{"KAFKA_TOPIC", "customers", "KAFKA_TOPIC_CUSTOMERS", "new"},
			map[string]string{"customers": "new", "orders": "orders"},
		},
		"two would read one": {
			[]string{"customers", "orders"}, []string{"KAFKA_TOPIC", "shop"}, map[string]string{"customers": "", "orders": ""},
		},
		"what is left after the others' own": {
			[]string{"customers", "orders"}, []string{"KAFKA_TOPIC", "shop", "KAFKA_TOPIC_ORDERS", "shop.orders"},
			map[string]string{"customers": "shop", "orders": "shop.orders"},
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
					require.ErrorContains(t, err, topicVariable(p))
					require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
					continue
				}
				require.NoError(t, err)
				require.Equal(t, want, got.Source.Topic)
			}
		})
	}
}
