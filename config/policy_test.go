package config

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestAPolicyIsReadFromAPipelineFileOrAlone(t *testing.T) {
	tests := map[string]struct{ text, wrong string }{
		"a pipeline file":                    {"name: orders\nsource: {topic: orders}\npolicy: {late_major: 0.3}\n", ""},
		"a policy block":                     {"policy:\n  late_major: 0.3\n", ""},
		"a policy's own keys":                {"late_major: 0.3\n", ""},
		"a key that there isn't":             {"late_mayor: 0.3\n", "field late_mayor not found"},
		"a key that there isn't, in a block": {"policy: {late_mayor: 0.3}\n", "field late_mayor not found"},
		"a share that is none":               {"late_major: 30\n", "policy.late_major"},
		"an empty file":                      {"", "the file is empty"},
		"a list":                             {"- late_major\n", "cannot unmarshal"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new.yml")
			require.NoError(t, os.WriteFile(path, []byte(tc.text), 0o600))
			got, err := Config{}.ReadPolicy(path)
			if tc.wrong != "" {
				require.ErrorContains(t, err, tc.wrong)
				require.ErrorContains(t, err, path)
				require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
				return
			}
			require.NoError(t, err)
			want := agent.DefaultPolicy()
			want.LateMajor = 0.3
			require.Equal(t, want, got, "the rest is as by default")
		})
	}
}

// ticket is an own action that does nothing.
type ticket struct{}

func (ticket) Spec() agent.Spec {
	return agent.Spec{Name: "open_ticket", Schema: json.RawMessage(`{"type":"object"}`), PerDay: 1}
}
func (ticket) Check(agent.Facts, json.RawMessage) error                 { return nil }
func (ticket) Execute(context.Context, agent.Call) (string, error)      { return "", nil }
func (ticket) Verify(context.Context, agent.Call) (bool, string, error) { return true, "", nil }

func TestAPolicyFileKnowsTheRegisteredActions(t *testing.T) {
	registry, err := agent.NewRegistry(ticket{})
	require.NoError(t, err)
	rules := "rules:\n- {name: a, when: 'true', then: [{action: open_ticket}]}\n"
	for name, text := range map[string]string{"of a pipeline": "policy:\n  " + strings.ReplaceAll(rules, "\n", "\n  ") + "\n", "alone": rules} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new.yml")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			p, err := Config{Actions: registry}.ReadPolicy(path)
			require.NoError(t, err)
			require.Len(t, p.Own, 1)
			_, err = Config{}.ReadPolicy(path)
			require.ErrorContains(t, err, "no own action of that name is registered")
		})
	}
}
