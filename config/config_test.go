package config

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func env(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// project copies the customers pipeline, changed, into a folder that its paths
// are relative to.
func project(t *testing.T, change func(string) string) Config {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile("../pipelines/customers.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "customers.yml"), []byte(change(string(text))), 0o600))
	t.Chdir("..")
	c, err := FromEnv(env("PIPELINES_DIR", dir, "DATA_DIR", filepath.Join(dir, "data")))
	require.NoError(t, err)
	return c
}

func same(text string) string { return text }

func TestTheCustomersPipelineIsSound(t *testing.T) {
	d, err := project(t, same).Declare("customers", env())
	require.NoError(t, err)
	require.Empty(t, d.Warnings)
	require.Equal(t, []string{"country", "plan"}, d.Rules.Segments)
	require.Equal(t, 10*time.Minute, d.Rules.AllowedLateness)
	require.Equal(t, 2*time.Second, d.Policy.Retrigger.Backoff)
	require.Equal(t, 15*time.Minute, d.Policy.Retrigger.MaxBackoff, "what the file leaves out has its default")
}

func TestTheEnvironmentWins(t *testing.T) {
	p, err := project(t, same).Load("customers", env("KAFKA_BROKER", "a:1,b:2", "KAFKA_TOPIC", "events", "PARQUET_OUT", "/lake"))
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, p.Source.Brokers)
	require.Equal(t, "events", p.Source.Topic)
	require.Equal(t, "/lake", p.Sink.Parquet.Dir)
}

func TestEveryProblemIsReportedWithItsLine(t *testing.T) {
	c := project(t, func(text string) string {
		for old, with := range map[string]string{
			"late_major: 0.15": "late_major: 15", "[country, plan]": "[county]", "event_time: event_time": "event_time: age",
			"attempts: 8": "attempts: 0", "suite: customer_data_quality": "suite: nobody's",
		} {
			text = strings.Replace(text, old, with, 1)
		}
		return text
	})
	_, err := c.Declare("customers", env())
	for _, want := range []string{"policy.late_major", "quality.segments", "schema.event_time", "retry.attempts", "quality.suite"} {
		require.ErrorContains(t, err, want)
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		require.Regexp(t, `^\S+\.yml(:\d+)?: `, line)
	}
	require.Regexp(t, `customers\.yml:\d+: .*late_major`, err.Error())
}

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	tests := map[string]struct {
		change func(string) string
		name   string
		env    []string
		want   string
	}{
		"an unknown key, with its line":   {func(s string) string { return s + "shedule: {}\n" }, "customers", nil, "field shedule not found"},
		"an empty file":                   {func(string) string { return "" }, "customers", nil, "the file is empty"},
		"a pipeline that nobody declared": {same, "orders", nil, "known: customers"},
		"a name that leaves the folder":   {same, "../customers", nil, "lower-case letters"},
		"another name in the file":        {func(s string) string { return strings.Replace(s, "name: customers", "name: orders", 1) }, "customers", nil, "they must be the same"},
		"a sink without its settings":     {same, "customers", []string{"SINK_MODE", "SNOWFLAKE"}, "SNOWFLAKE_ACCOUNT"},
		"a sink that nobody knows":        {same, "customers", []string{"SINK_MODE", "TAPE"}, `sink "tape" is unknown`},
		"a provider that there isn't":     {same, "customers", []string{"LLM_PROVIDER", "oracle"}, "LLM_PROVIDER"},
		"a model without its key":         {same, "customers", []string{"LLM_PROVIDER", "openai"}, "OPENAI_API_KEY"},
		"a model's address that is none":  {same, "customers", []string{"LLM_PROVIDER", "ollama", "OLLAMA_HOST", "localhost"}, "OLLAMA_HOST"},
		"a bare number for a duration":    {func(s string) string { return strings.Replace(s, "backoff: 2s", "backoff: 2", 1) }, "customers", nil, "into time.Duration"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := project(t, tc.change).Load(tc.name, env(tc.env...))
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		})
	}
}

func TestProcessSettings(t *testing.T) {
	c, err := FromEnv(env("TEMPORAL_PORT", "7000", "DATA_DIR", "d"))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:7000", c.Temporal.Address)
	require.Equal(t, filepath.Join("d", "ops", "ops.db"), c.OpsDB)
	_, err = FromEnv(env("LOG_LEVEL", "loud", "ALERT_EMAIL", "a@b.c", "ALERT_WEBHOOK_URL", "nowhere"))
	for _, want := range []string{"LOG_LEVEL", "SMTP_HOST", "ALERT_WEBHOOK_URL"} {
		require.ErrorContains(t, err, want)
	}
}

func TestACatalogTakesUpChangesAndKeepsABrokenPipelineDecidable(t *testing.T) {
	c := project(t, same)
	file := filepath.Join(c.PipelinesDir, "customers.yml")
	catalog := NewCatalog(c, env())
	first, err := catalog.Dataset(t.Context(), "customers")
	require.NoError(t, err)
	again, err := catalog.Dataset(t.Context(), "customers")
	require.NoError(t, err)
	require.Same(t, first, again)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	write := func(s string, at time.Time) {
		require.NoError(t, os.WriteFile(file, []byte(s), 0o600))
		require.NoError(t, os.Chtimes(file, at, at))
	}
	write(strings.Replace(string(text), "late_major: 0.15", "late_major: 0.3", 1), time.Unix(1000, 0))
	changed, err := catalog.Dataset(t.Context(), "customers")
	require.NoError(t, err)
	require.InDelta(t, 0.3, changed.Policy.LateMajor, 0)

	write("nonsense", time.Unix(2000, 0))
	_, err = catalog.Dataset(t.Context(), "customers")
	require.Error(t, err)
	kept, err := catalog.Declared(t.Context(), "customers")
	require.NoError(t, err)
	require.InDelta(t, 0.3, kept.Policy.LateMajor, 0, "the last good policy decides on the failed run")
	fresh, err := NewCatalog(c, env()).Declared(t.Context(), "customers")
	require.NoError(t, err)
	require.InDelta(t, 0.15, fresh.Policy.LateMajor, 0, "without one the defaults do")
	_, err = catalog.Declared(t.Context(), "orders")
	require.Error(t, err)
}

func TestRulesAreCheckedWithTheirLine(t *testing.T) {
	rules := `policy:
  rules:
    - name: behind
      when: facts.source.lag > 1000000
      then:
        - {action: escalate, hold: true, message: "look at the consumers"}
    - name: late
      when: facts.late.shar > 0.3
      then:
        - action: open_ticket
          args: {title: late}
`
	c := project(t, func(s string) string { return strings.Replace(s, "policy:\n", rules, 1) })
	_, err := c.Declare("customers", env())
	require.Regexp(t, `customers\.yml:\d+: .*undefined field 'shar'; did you mean "share"`, err.Error())
	require.Regexp(t, `customers\.yml:\d+: .*action "open_ticket" is none of`, err.Error())
	text, readErr := os.ReadFile(filepath.Join(c.PipelinesDir, "customers.yml"))
	require.NoError(t, readErr)
	for line := range strings.SplitSeq(err.Error(), "\n") {
		n, convErr := strconv.Atoi(strings.SplitN(line, ":", 3)[1])
		require.NoError(t, convErr)
		at := strings.Split(string(text), "\n")[n-1]
		require.Regexp(t, `facts.late.shar|open_ticket`, at)
	}
}
