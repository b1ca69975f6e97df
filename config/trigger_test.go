package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/config"
)

func TestTriggerSettings(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		want config.Trigger
		err  string // the setting that it names
	}{
		"off":                         {nil, config.Trigger{Group: "adp-triggers"}, ""},
		"brokers are separated":       {map[string]string{"TRIGGER_TOPIC": "news", "KAFKA_BROKER": "a:1, b:2"}, config.Trigger{Topic: "news", Group: "adp-triggers", Brokers: []string{"a:1", "b:2"}}, ""},
		"another group":               {map[string]string{"TRIGGER_GROUP": "g"}, config.Trigger{Group: "g"}, ""},
		"a topic needs a broker":      {map[string]string{"TRIGGER_TOPIC": "news"}, config.Trigger{}, "KAFKA_BROKER"},
		"a secret of 16 bytes":        {map[string]string{"TRIGGER_SECRET": "0123456789abcdef"}, config.Trigger{Secret: "0123456789abcdef", Group: "adp-triggers"}, ""},
		"a shorter secret is refused": {map[string]string{"TRIGGER_SECRET": "0123456789abcde"}, config.Trigger{}, "TRIGGER_SECRET"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := config.FromEnv(func(key string) string { return tc.env[key] })
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				require.NotContains(t, err.Error(), "0123456789")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, c.Trigger)
		})
	}
}
