package agent_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The documents of producers other than ours.
func TestReportsOfAnyProducer(t *testing.T) {
	const fails = `{"success":false,"results":[{"success":false,"expectation_config":{"type":"expect_column_values_to_be_unique","kwargs":{"column":"id"},"severity":"critical"},"result":{"unexpected_percent":5.0}}]}`
	tests := map[string]struct {
		report, results string
		met             string
	}{
		"our own":                                 {`{"pipeline":"customers","outcome":"succeeded","records":{"read":1000,"clean":1000},"late":{"count":0,"share":0},"drift":[],"quality":{"failed":0,"share":0},"stages":[]}`, "", "healthy"},
		"shares alone":                            {`{"late":{"share":0.2},"quality":{"share":0.01}}`, "", "late_arrivals_major dq_failures_minor"},
		"unknown fields are ignored":              {`{"records":{"read":10,"lost":3},"weather":"fine"}`, "", "healthy"},
		"results alone":                           {"", fails, "dq_failures_major"},
		"results stand in where nobody counted":   {`{"records":{"read":1000}}`, fails, "dq_failures_major"},
		"an empty quality section counts nothing": {`{"records":{"read":1000},"quality":{}}`, fails, "dq_failures_major"},
		"a null quality section counts nothing":   {`{"records":{"read":1000},"quality":null}`, fails, "dq_failures_major"},
		"the report's own count wins":             {`{"records":{"read":1000},"quality":{"failed":10}}`, fails, "dq_failures_minor"},
		"a result without numbers isn't a pass": {"", `{"results":[{"success":false,"expectation_config":{"type":"expect_column_values_to_not_be_null","kwargs":{"column":"gone"}},"result":{}}]}`,
			"dq_failures_major"},
		"an older document": {"", `{"results":[{"success":false,"expectation_config":{"expectation_type":"expect_column_values_to_not_be_null","kwargs":{"column":"id"}},"result":{"unexpected_percent":1.0}}]}`,
			"dq_failures_minor"},
		"a failed run": {`{"outcome":"failed"}`, "", "job_failed"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := agent.FactsFromFiles(document(tc.report), document(tc.results))
			require.NoError(t, err)
			require.Equal(t, tc.met, conditions(agent.DefaultPolicy().Bounds(f)))
		})
	}
}

// document is nil for a file that isn't there.
func document(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func TestDocumentsThatCantBeAreBadData(t *testing.T) {
	tests := map[string]struct{ report, results, says string }{
		"no document at all":               {"", "", "neither a run report nor quality results"},
		"a report that is no JSON":         {"pipeline: customers", "", "run report"},
		"a report that is cut":             {`{"records":{"read":`, "", "run report"},
		"a report with more behind it":     {`{"records":{"read":1}} {}`, "", "run report"},
		"a report that is null":            {"null", "", "none of the fields"},
		"a report that is a list":          {`[1]`, "", "run report"},
		"a file that is no report":         {`{"name":"package","version":"1"}`, "", "is it a run report"},
		"a quality section of text":        {`{"quality":"good"}`, "", "run report"},
		"a count that is no number":        {`{"records":{"read":"many"}}`, "", "read"},
		"a negative count":                 {`{"records":{"read":10,"suspect":-1}}`, "", "records.suspect is -1"},
		"more late than read":              {`{"records":{"read":10},"late":{"count":11}}`, "", "late.count is 11, more than the 10"},
		"a share above 1":                  {`{"drift":[{"kind":"field_added","field":"a","share":1.01}]}`, "", "drift[0].share is 1.01"},
		"a share beyond every number":      {`{"late":{"share":1e999}}`, "", "1e999"},
		"NaN":                              {`{"late":{"share":NaN}}`, "", "run report"},
		"a segment with more bad ones":     {`{"records":{"read":10},"quality":{"failed":9,"segments":[{"column":"c","value":"v","records":3,"failed":4}]}}`, "", "more than the 3 records of the segment"},
		"a segment beyond the failures":    {`{"records":{"read":10},"quality":{"failed":2,"segments":[{"column":"c","value":"v","records":3,"failed":3}]}}`, "", "more than the 2 failing"},
		"a segment twice":                  {`{"quality":{"segments":[{"column":"c","value":"v"},{"column":"c","value":"v"}]}}`, "", "twice"},
		"a gap that ends before it starts": {`{"source":{"gaps":[{"start":5,"end":4}]}}`, "", "ends before it starts"},
		"a negative gap":                   {`{"source":{"gaps":[{"start":-5,"end":4}]}}`, "", "source.gaps[0].start is -5"},
		"results that are no JSON":         {"", "<html>", "quality results"},
		"results of another format":        {"", `{"checks":[]}`, "quality results"},
		"a percentage above 100":           {"", `{"results":[{"success":false,"expectation_config":{"type":"expect_x"},"result":{"unexpected_percent":101.0}}]}`, "101"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := agent.FactsFromFiles(document(tc.report), document(tc.results))
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
		})
	}
}

func TestAReportsProblemsAreToldAllAtOnce(t *testing.T) {
	_, err := agent.FactsFromFiles([]byte(`{"records":{"read":-1},"late":{"share":2},"consecutive_failures":-3}`), nil)
	for _, want := range []string{"records.read is -1", "late.share is 2", "consecutive_failures is -3"} {
		require.ErrorContains(t, err, want)
	}
}
