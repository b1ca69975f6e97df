package agent_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestPolicyReadsOverItsDefaults(t *testing.T) {
	p := agent.DefaultPolicy()
	require.NoError(t, yaml.Unmarshal([]byte(`
drift: {min_share: 0.01}
late_major: 0.2
retrigger: {backoff: 45s}
escalation: {timeout: 12h}
autonomy: {remap: approve}
kill_switch: true
`), &p))
	want := agent.DefaultPolicy()
	want.Drift.MinShare, want.LateMajor, want.KillSwitch = 0.01, 0.2, true
	want.Retrigger.Backoff, want.Escalation.Timeout = 45*time.Second, 12*time.Hour
	want.Autonomy = map[agent.Action]string{agent.Remap: "approve"}
	require.Equal(t, want, p)
	require.NoError(t, p.Validate())
}

func TestPolicyRefuses(t *testing.T) {
	tests := map[string]struct {
		set func(*agent.Policy)
		key string
	}{
		"a share below 0":                    {func(p *agent.Policy) { p.Drift.MinShare = -0.1 }, "policy.drift.min_share"},
		"a share above 1":                    {func(p *agent.Policy) { p.DQMajor = 5 }, "policy.dq_major"},
		"a share that is no number":          {func(p *agent.Policy) { p.LateMajor = math.NaN() }, "policy.late_major"},
		"an endless budget":                  {func(p *agent.Policy) { p.QuarantineMaxShare = math.Inf(1) }, "policy.quarantine_max_share"},
		"a negative number of fields":        {func(p *agent.Policy) { p.Drift.MaxNewFields = -1 }, "policy.drift.max_new_fields"},
		"a negative number of remaps":        {func(p *agent.Policy) { p.Drift.MaxRemaps = -1 }, "policy.drift.max_remaps"},
		"a negative number of values":        {func(p *agent.Policy) { p.Localized.MaxValues = -1 }, "policy.localized.max_values"},
		"a share of failures above 1":        {func(p *agent.Policy) { p.Localized.MinFailingShare = 80 }, "policy.localized.min_failing_share"},
		"a share of records above 1":         {func(p *agent.Policy) { p.Localized.MaxRecordsShare = 50 }, "policy.localized.max_records_share"},
		"no failure at all to be repeated":   {func(p *agent.Policy) { p.RepeatedFailures = 0 }, "policy.repeated_failures"},
		"a chain of negative length":         {func(p *agent.Policy) { p.Retrigger.MaxChain = -1 }, "policy.retrigger.max_chain"},
		"nanoseconds, from a bare number":    {func(p *agent.Policy) { p.Retrigger.Backoff = 30 }, "policy.retrigger.backoff"},
		"a longest wait below the first":     {func(p *agent.Policy) { p.Retrigger.MaxBackoff = time.Second }, "policy.retrigger.max_backoff"},
		"a reminder at once":                 {func(p *agent.Policy) { p.Escalation.RemindAfter = 0 }, "policy.escalation.remind_after"},
		"an escalation without end":          {func(p *agent.Policy) { p.Escalation.Timeout = math.MaxInt64 }, "policy.escalation.timeout"},
		"autonomy of what changes nothing":   {autonomy(agent.Log, agent.Auto), "policy.autonomy"},
		"a level of autonomy that is none":   {autonomy(agent.Remap, "always"), "policy.autonomy.remap"},
		"autonomy of an action not invented": {autonomy("drop_table", agent.Auto), "policy.autonomy"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := agent.DefaultPolicy()
			tc.set(&p)
			err := p.Validate()
			require.ErrorContains(t, err, tc.key)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
			_, err = agent.Decide(t.Context(), seen(10), p, agent.Rules{}, time.Unix(0, 0), "r")
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err), "nothing is decided by it")
		})
	}
}
