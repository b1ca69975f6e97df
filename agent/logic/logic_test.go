package logic_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent/logic"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// broken is a run with something of everything.
func broken() logic.Facts {
	return logic.Facts{
		RunReport: pipeline.RunReport{
			Pipeline: "customers", Outcome: pipeline.Failed,
			Source:  pipeline.SourceReport{Topic: "customers", Lag: 2_000_000, Gaps: []pipeline.Range{{Start: 0, End: 10}}},
			Records: pipeline.Records{Read: 1000}, Late: pipeline.Late{Count: 400, Share: 0.4},
			Drift:   []pipeline.Drift{{Kind: pipeline.FieldAdded, Field: "tier", Count: 20, Share: 0.02}},
			Quality: pipeline.Quality{Failed: 30, Segments: []pipeline.Segment{{Column: "country", Value: "BR", Records: 100, Failed: 28, Share: 0.28}}},
			Failure: &pipeline.Failure{Stage: "process", Kind: pipeline.Transient, Error: "no route"}, ConsecutiveFailures: 2,
		},
		Failed: []logic.Expectation{{Type: "expect_column_to_exist", Severity: "critical"}}, Retriggers: 1,
	}
}

func TestWhatAConditionCanSay(t *testing.T) {
	tests := map[string]struct {
		when         string
		broken, none bool
	}{
		"the issue's example":               {`facts.late.share > 0.3 && facts.source.lag > 1000000`, true, false},
		"a whole number beside a share":     {`facts.late.share > 0`, true, false},
		"a list is looked through":          {`facts.quality.segments.exists(s, s.column == "country" && s.share > 0.2)`, true, false},
		"a kind is its word":                {`facts.failure.kind == "transient"`, true, false},
		"no failure reads as empty":         {`facts.failure.stage == ""`, false, true},
		"has tells whether it is there":     {`has(facts.failure)`, true, false},
		"no drift is an empty list":         {`facts.drift.size() == 0`, false, true},
		"expectations, too":                 {`facts.failed_expectations.exists_one(e, e.severity == "critical")`, true, false},
		"what was tried counts":             {`facts.retriggers + facts.consecutive_failures >= 3`, true, false},
		"patterns":                          {`facts.source.topic.matches("^cust")`, true, false},
		"no time reads as 1970":             {`facts.started_at.getFullYear() == 1970`, true, true},
		"segments in a range, one way each": {`facts.source.gaps.all(g, g.end > g.start)`, true, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := logic.Compile(tc.when)
			require.NoError(t, err)
			for f, want := range map[*logic.Facts]bool{{}: tc.none, new(broken()): tc.broken} {
				got, err := c.Holds(*f)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		})
	}
}

func TestWhatACompilerRefuses(t *testing.T) {
	tests := map[string]struct{ when, says string }{
		"an unknown field, with the nearest name": {`facts.late.shre > 0.3`, `1:11: undefined field 'shre'; did you mean "share"?`},
		"at any depth":                    {`facts.quality.segments.exists(s, s.colum == "x")`, `did you mean "column"?`},
		"a name without facts":            {`late.share > 0.3`, "like facts.records.read"},
		"a wrong type":                    {`facts.pipeline > 3`, "no matching overload"},
		"no boolean":                      {`facts.records.read`, "int, not true or false"},
		"several at once":                 {`facts.lat.share > 0.3 || facts.recods.read == 1`, `"records"`},
		"a half expression":               {`facts.late.share >`, "Syntax error"},
		"nothing":                         {``, "between 1 and"},
		"too much":                        {strings.Repeat("true && ", 400) + "true", "between 1 and"},
		"too deep":                        {strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100), "recursion limit"},
		"the time of day":                 {`now() > facts.started_at`, "undeclared reference to 'now'"},
		"a machine's time zones":          {`facts.started_at.getHours("Europe/Berlin") > 3`, "no matching overload"},
		"macros that build lists":         {`facts.drift.map(d, d.field).size() > 1`, "undeclared reference"},
		"filters, which build lists, too": {`facts.drift.filter(d, d.share > 0.1).size() > 1`, "undeclared reference"},
		"loops in loops in loops":         {`facts.drift.all(a, facts.drift.all(b, facts.drift.all(c, a == b && b == c)))`, "nesting"},
		"a broken pattern":                {`facts.pipeline.matches("(")`, "matches"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := logic.Compile(tc.when)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

func TestWhatHasNoAnswer(t *testing.T) {
	many := broken()
	for range 2000 {
		many.Drift = append(many.Drift, many.Drift[0])
	}
	tests := map[string]struct{ when, says string }{
		"an index outside":  {`facts.drift[5000].share > 0.1`, "index"},
		"a division by 0":   {`facts.records.read / facts.records.held > 1`, "division by zero"},
		"more than it may":  {`facts.drift.all(a, facts.drift.all(b, a.field == b.field))`, "cost limit"},
		"a pattern of data": {`facts.pipeline.matches(facts.source.topic + "(")`, "missing closing )"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := logic.Compile(tc.when)
			require.NoError(t, err)
			held, err := c.Holds(many)
			require.ErrorContains(t, err, tc.says)
			require.False(t, held)
		})
	}
}

func TestArgumentsFitTheirSchema(t *testing.T) {
	schema := `{"type":"object","properties":{"title":{"type":"string","maxLength":5}},"required":["title"],"additionalProperties":false}`
	tests := map[string]struct{ schema, args, says string }{
		"what fits":                {schema, `{"title":"late"}`, ""},
		"nothing is an object":     {`{"type":"object"}`, ``, ""},
		"a key is missing":         {schema, `{}`, "missing property"},
		"a key too many":           {schema, `{"title":"x","drop":true}`, "additional properties"},
		"a value out of line":      {schema, `{"title":"too long"}`, "maxLength"},
		"arguments that are none":  {schema, `{`, "no JSON"},
		"a schema that is none":    {`{"type":"objekt"}`, `{}`, "schema"},
		"a schema from elsewhere":  {`{"$ref":"file:///etc/passwd"}`, `{}`, "not loaded from elsewhere"},
		"a schema from an address": {`{"$ref":"http://127.0.0.1:1/x"}`, `{}`, "not loaded from elsewhere"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := logic.Arguments(json.RawMessage(tc.schema), json.RawMessage(tc.args))
			if tc.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// Whatever somebody writes is refused, or evaluates without a panic.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{
		`facts.late.share > 0.3 && facts.source.lag > 1000000`, `facts.drift.exists(d, d.kind == "field_added")`, `has(facts.failure)`,
		`facts.drift[0].share / 0.0 > 1.0`, `facts.started_at + duration("1h") > facts.finished_at`, `{"a": 1}["b"] == 2`,
		`[1, 2, 3].all(x, x in facts.drift.map(d, d.count))`, `int("x") == 1`, `facts == facts`, `type(facts) == int`, `-9223372036854775808 / -1 > 0`,
		`logic.Facts{retriggers: 3}.retriggers > 1`, `dyn(facts).nothing == 1`, `pipeline.Drift{}.field == ""`,
	} {
		f.Add(s)
	}
	empty, all := logic.Facts{}, broken()
	f.Fuzz(func(t *testing.T, text string) {
		c, err := logic.Compile(text)
		if err != nil {
			return
		}
		for _, facts := range []logic.Facts{empty, all} {
			once, err := c.Holds(facts)
			again, errAgain := c.Holds(facts)
			require.Equal(t, once, again, "the same facts, the same answer")
			require.Equal(t, err == nil, errAgain == nil)
			require.False(t, once && err != nil)
		}
	})
}

func BenchmarkHolds(b *testing.B) {
	c, err := logic.Compile(`facts.late.share > 0.3 && facts.source.lag > 1000000`)
	require.NoError(b, err)
	f := broken()
	for b.Loop() {
		if held, err := c.Holds(f); err != nil || !held {
			b.Fatal(held, err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := logic.Compile(`facts.late.share > 0.3 && facts.source.lag > 1000000`); err != nil {
			b.Fatal(err)
		}
	}
}
