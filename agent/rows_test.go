package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// change is one thing that a run saw.
type change func(*agent.Facts)

// seen are the facts of a run over so many records.
func seen(read int64, changes ...change) agent.Facts {
	f := agent.Facts{Report: pipeline.RunReport{
		Pipeline: "customers", RunID: "run-1", Outcome: pipeline.Succeeded,
		Records: pipeline.Records{Read: read, Clean: read},
	}}
	for _, c := range changes {
		c(&f)
	}
	return f
}

func lateShare(s float64) change {
	return func(f *agent.Facts) { f.Report.Late.Share = s }
}

func failingShare(s float64) change {
	return func(f *agent.Facts) { f.Report.Quality.Share = s }
}

func in(column, value string, records, failed int64) change {
	return func(f *agent.Facts) {
		f.Report.Quality.Segments = append(f.Report.Quality.Segments,
			pipeline.Segment{Column: column, Value: value, Records: records, Failed: failed})
	}
}

func drifted(kind pipeline.DriftKind, field string, n int64, breaking bool) change {
	return func(f *agent.Facts) {
		f.Report.Drift = append(f.Report.Drift, pipeline.Drift{Kind: kind, Field: field, Count: n, Breaking: breaking, Observed: "string"})
	}
}

func added(field string, n int64) change { return drifted(pipeline.FieldAdded, field, n, false) }

func retyped(field string, n int64) change { return drifted(pipeline.TypeChanged, field, n, true) }

func broke(kind pipeline.Kind, inARow int) change {
	return func(f *agent.Facts) {
		f.Report.Outcome = pipeline.Failed
		f.Report.Failure = &pipeline.Failure{Stage: "process", Kind: kind, Error: "no broker"}
		f.Report.ConsecutiveFailures = inARow
	}
}

func gap(start, end int64) change {
	return func(f *agent.Facts) {
		f.Report.Source.Gaps = append(f.Report.Source.Gaps, pipeline.Range{Start: start, End: end})
	}
}

func chain(n int) change { return func(f *agent.Facts) { f.Retriggers = n } }

func remapped(n int) change { return func(f *agent.Facts) { f.Remaps = n } }

func tried(a agent.Action) change {
	return func(f *agent.Facts) { f.Tried = append(f.Tried, agent.Attempt{Action: a, RunID: "run-1"}) }
}

func unmet(s dq.Severity, rowLevel bool, percent float64) change {
	return func(f *agent.Facts) {
		f.Failed = append(f.Failed, agent.FailedExpectation{
			Type: "expect_something", Column: "email", Severity: s, RowLevel: rowLevel, UnexpectedPercent: percent,
		})
	}
}

func resultsOnly(f *agent.Facts) { f.ResultsOnly = true }

func conditions(b agent.Bounds) string {
	var out []string
	for _, m := range b.Conditions {
		out = append(out, string(m.Name))
	}
	return strings.Join(out, " ")
}

// plan writes actions in short: "remap[tier] escalate+hold".
func plan(actions []agent.Planned) string {
	var out []string
	for _, a := range actions {
		s := string(a.Action)
		if len(a.Args.Fields) > 0 {
			s += "[" + strings.Join(a.Args.Fields, ",") + "]"
		}
		if a.Args.Column != "" {
			s += "[" + a.Args.Column + "=" + strings.Join(a.Args.Values, ",") + "]"
		}
		if a.Args.BackoffS > 0 {
			s += fmt.Sprintf("(%ds)", a.Args.BackoffS)
		}
		if a.Args.Hold {
			s += "+hold"
		}
		if a.Args.PauseSchedule {
			s += "+pause"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestMatrix(t *testing.T) {
	tests := map[string]struct {
		facts agent.Facts
		met   string
		does  string
	}{
		"nothing wrong loads":     {seen(1000), "healthy", ""},
		"nothing read is healthy": {seen(0), "healthy", ""},

		"a new field is taken up":                    {seen(1000, added("tier", 20)), "schema_drift_additive", "remap[tier]"},
		"new fields are taken up together, once":     {seen(1000, added("b", 20), added("a", 20), added("b", 20)), "schema_drift_additive", "remap[a,b]"},
		"drift just below the share is a stray":      {seen(10_000, added("tier", 9)), "healthy", ""},
		"drift exactly on the share counts":          {seen(10_000, added("tier", 10)), "schema_drift_additive", "remap[tier]"},
		"breaking drift below the share is a stray":  {seen(10_000, retyped("age", 9)), "healthy", ""},
		"a type change is breaking":                  {seen(10_000, retyped("age", 10)), "schema_drift_breaking", "quarantine escalate"},
		"a missing required field is breaking":       {seen(100, drifted(pipeline.FieldMissing, "email", 10, true)), "schema_drift_breaking", "quarantine escalate"},
		"null in a required field is breaking":       {seen(100, drifted(pipeline.NullInRequired, "email", 10, true)), "schema_drift_breaking", "quarantine escalate"},
		"a type change breaks without its flag":      {seen(100, drifted(pipeline.TypeChanged, "age", 10, false)), "schema_drift_breaking", "quarantine escalate"},
		"an unknown kind of drift is breaking":       {seen(100, drifted("renamed", "age", 10, false)), "schema_drift_breaking", "quarantine escalate"},
		"a new field of an unsafe name is breaking":  {seen(100, drifted(pipeline.FieldAdded, "a b", 10, true)), "schema_drift_breaking", "quarantine escalate"},
		"an unsafe name breaks without its flag":     {seen(100, added("_offset", 10)), "schema_drift_breaking", "quarantine escalate"},
		"additive and breaking drift are both met":   {seen(100, added("tier", 10), retyped("age", 10)), "schema_drift_additive schema_drift_breaking", "quarantine remap[tier] escalate"},
		"a field that a remap didn't heal is held":   {seen(100, added("tier", 10), tried(agent.Remap)), "schema_drift_additive", "escalate+hold"},
		"another attempt doesn't stop a remap":       {seen(100, added("tier", 10), tried(agent.Retrigger)), "schema_drift_additive", "remap[tier]"},
		"drift without numbers counts":               {seen(100, added("tier", 0)), "schema_drift_additive", "remap[tier]"},
		"as many new fields as allowed are taken up": {seen(100, newFields(20)), "schema_drift_additive", "remap[" + strings.Join(fieldNames(20), ",") + "]"},
		"one new field too many is a person's":       {seen(100, newFields(21)), "schema_drift_additive", "escalate+hold"},

		"one late record retriggers":              {seen(1000, late(1)), "late_arrivals_minor", "retrigger"},
		"late just below the line retriggers":     {seen(1000, late(149)), "late_arrivals_minor", "retrigger"},
		"late exactly on the line escalates":      {seen(1000, late(150)), "late_arrivals_major", "escalate"},
		"late above the line escalates":           {seen(1000, late(151)), "late_arrivals_major", "escalate"},
		"3 of 20 are exactly on the line":         {seen(20, late(3)), "late_arrivals_major", "escalate"},
		"a share alone on the line escalates":     {seen(0, lateShare(0.15)), "late_arrivals_major", "escalate"},
		"a share alone below it retriggers":       {seen(0, lateShare(0.1499999)), "late_arrivals_minor", "retrigger"},
		"counts win over the share":               {seen(1000, late(10), lateShare(0.9)), "late_arrivals_minor", "retrigger"},
		"a count of an unknown whole is the most": {seen(0, late(10), lateShare(0)), "late_arrivals_major", "escalate"},
		"a retrigger chain that may go on":        {seen(1000, late(1), chain(2)), "late_arrivals_minor", "retrigger"},
		"a retrigger chain ends in a log entry":   {seen(1000, late(1), chain(3)), "late_arrivals_minor", "log"},

		"few failing records are logged":           {seen(1000, failing(1)), "dq_failures_minor", "log"},
		"failing just below the line is logged":    {seen(1000, failing(49)), "dq_failures_minor", "log"},
		"failing exactly on the line holds":        {seen(1000, failing(50)), "dq_failures_major", "escalate+hold"},
		"failing above the line holds":             {seen(1000, failing(51)), "dq_failures_major", "escalate+hold"},
		"a failing share alone on the line holds":  {seen(0, failingShare(0.05)), "dq_failures_major", "escalate+hold"},
		"a failing share alone below it is logged": {seen(0, failingShare(0.0499)), "dq_failures_minor", "log"},

		"a critical table rule holds":                      {seen(1000, unmet(dq.Critical, false, 0)), "dq_failures_major", "escalate+hold"},
		"a table rule without severity is critical":        {seen(1000, unmet("", false, 0)), "dq_failures_major", "escalate+hold"},
		"a table rule that warns is logged":                {seen(1000, unmet(dq.Warning, false, 0)), "dq_failures_minor", "log"},
		"a table rule that informs doesn't count":          {seen(1000, unmet(dq.Info, false, 0)), "healthy", ""},
		"a table rule adds nothing to the same condition":  {seen(1000, failing(49), unmet(dq.Warning, false, 0)), "dq_failures_minor", "log"},
		"a critical table rule makes few failures major":   {seen(1000, failing(1), unmet(dq.Critical, false, 0)), "dq_failures_major", "escalate+hold"},
		"a warning leaves major failures major":            {seen(1000, failing(50), unmet(dq.Warning, false, 0)), "dq_failures_major", "escalate+hold"},
		"a critical table rule outweighs concentration":    {seen(1000, failing(50), in("country", "BR", 100, 50), unmet(dq.Critical, false, 0)), "dq_failures_major", "escalate+hold"},
		"a rule that couldn't be evaluated isn't a pass":   {seen(1000, unmet(dq.Critical, true, 0)), "dq_failures_major", "escalate+hold"},
		"counted records win over a rule's own percentage": {seen(1000, failing(10), unmet(dq.Critical, true, 90)), "dq_failures_minor", "log"},
		"records that drift set aside fail no second time": {seen(1000, unmet(dq.Critical, true, 10)), "healthy", ""},

		"results alone: the worst rule stands for the share": {seen(0, resultsOnly, unmet(dq.Critical, true, 1), unmet(dq.Warning, true, 5)), "dq_failures_major", "escalate+hold"},
		"results alone: below the line is logged":            {seen(0, resultsOnly, unmet(dq.Critical, true, 4.99)), "dq_failures_minor", "log"},
		"results alone: info doesn't count":                  {seen(0, resultsOnly, unmet(dq.Info, true, 90)), "healthy", ""},
		"results beside a report that counted no failures":   {seen(1000, resultsOnly, unmet(dq.Critical, true, 5)), "dq_failures_major", "escalate+hold"},

		"a failed run is tried again":                  {seen(0, broke(pipeline.Transient, 1)), "job_failed", "retrigger(30s)"},
		"a producer that doesn't count runs":           {seen(0, broke(pipeline.Transient, 0)), "job_failed", "retrigger(30s)"},
		"the wait doubles":                             {seen(0, broke(pipeline.Transient, 2), chain(1)), "job_failed", "retrigger(60s)"},
		"and doubles again":                            {seen(0, broke(pipeline.Transient, 2), chain(2)), "job_failed", "retrigger(120s)"},
		"a chain of failures ends with a person":       {seen(0, broke(pipeline.Transient, 2), chain(3)), "job_failed", "escalate"},
		"a bug is tried again and told":                {seen(0, broke(pipeline.Bug, 1)), "job_failed", "retrigger(30s) escalate"},
		"a wrong setting is tried again and told":      {seen(0, broke(pipeline.Misconfigured, 1)), "job_failed", "retrigger(30s) notify"},
		"two failures in a row aren't yet repeated":    {seen(0, broke(pipeline.Transient, 2)), "job_failed", "retrigger(30s)"},
		"three failures in a row pause the schedule":   {seen(0, broke(pipeline.Transient, 3)), "repeated_failures", "escalate+pause"},
		"more than three as well":                      {seen(0, broke(pipeline.Bug, 9)), "repeated_failures", "escalate+pause"},
		"a failed run's numbers count, if there are":   {seen(1000, broke(pipeline.Transient, 1), late(200)), "late_arrivals_major job_failed", "retrigger(30s) escalate"},
		"late and failed: one retrigger, longer wait":  {seen(1000, broke(pipeline.Transient, 1), late(1)), "late_arrivals_minor job_failed", "retrigger(30s)"},
		"offsets that vanished are a person's":         {seen(10, gap(5, 15)), "source_gap", "escalate"},
		"an empty gap is none":                         {seen(10, gap(5, 5)), "healthy", ""},
		"drift, late and failing: one escalation":      {seen(1000, retyped("age", 10), late(150), failing(50)), "schema_drift_breaking late_arrivals_major dq_failures_major", "quarantine escalate+hold"},
		"all actions come in order":                    {seen(1000, added("tier", 10), late(1), failing(10), in("country", "BR", 50, 10), gap(1, 2)), "schema_drift_additive late_arrivals_minor dq_failures_localized source_gap", "quarantine[country=BR] remap[tier] retrigger escalate notify"},
		"too much to quarantine is held instead":       {seen(1000, retyped("age", 501)), "schema_drift_breaking", "quarantine escalate+hold"},
		"exactly the budget may be quarantined":        {seen(1000, retyped("age", 500)), "schema_drift_breaking", "quarantine escalate"},
		"a budget of shares alone":                     {seen(0, retypedShare(0.51)), "schema_drift_breaking", "quarantine escalate+hold"},
		"new fields of unsafe names keep nothing out":  {seen(1000, added("_x", 900)), "schema_drift_breaking", "quarantine escalate"},
		"malformed records are part of the budget":     {seen(1000, retyped("age", 400), malformed(101)), "schema_drift_breaking", "quarantine escalate+hold"},
		"concentrated failures over the budget":        {seen(1000, failing(200), in("country", "BR", 300, 200), retyped("age", 301)), "schema_drift_breaking dq_failures_localized", "quarantine[country=BR] escalate+hold notify"},
		"concentrated and breaking are one quarantine": {seen(1000, failing(60), in("country", "BR", 100, 60), retyped("age", 10)), "schema_drift_breaking dq_failures_localized", "quarantine[country=BR] escalate notify"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := agent.DefaultPolicy().Bounds(tc.facts)
			if got := conditions(b); got != tc.met {
				t.Errorf("conditions = %q, want %q", got, tc.met)
			}
			if got := plan(b.Default); got != tc.does {
				t.Errorf("actions = %q, want %q", got, tc.does)
			}
			if err := agent.Guard(b, agent.Proposal{Actions: b.Default}); err != nil {
				t.Errorf("the guard refuses the default: %v", err)
			}
		})
	}
}

func malformed(n int64) change { return func(f *agent.Facts) { f.Report.Records.Malformed = n } }

func retypedShare(s float64) change {
	return func(f *agent.Facts) {
		f.Report.Drift = append(f.Report.Drift, pipeline.Drift{Kind: pipeline.TypeChanged, Field: "age", Share: s, Breaking: true})
	}
}

func fieldNames(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("f%03d", i))
	}
	return out
}

func newFields(n int) change {
	return func(f *agent.Facts) {
		for _, name := range fieldNames(n) {
			added(name, 50)(f)
		}
	}
}

func TestLocalized(t *testing.T) {
	tests := map[string]struct {
		facts agent.Facts
		does  string
	}{
		"failures of one value stay out": {
			seen(1000, failing(60), in("country", "BR", 100, 60)), "quarantine[country=BR] notify"},
		"it replaces minor too": {
			seen(1000, failing(10), in("country", "BR", 100, 10)), "quarantine[country=BR] notify"},
		"exactly 80% is concentrated": {
			seen(1000, failing(100), in("country", "BR", 100, 80), in("country", "US", 500, 5)), "quarantine[country=BR] notify"},
		"just below 80% isn't": {
			seen(10_000, failing(1000), in("country", "BR", 1000, 799)), "escalate+hold"},
		"three values may share the failures": {
			seen(1000, failing(90), in("country", "BR", 50, 30), in("country", "IN", 50, 30), in("country", "JP", 50, 30)), "quarantine[country=BR,IN,JP] notify"},
		"four values are everywhere": {
			seen(1000, failing(100), in("country", "BR", 50, 25), in("country", "IN", 50, 25), in("country", "JP", 50, 25), in("country", "US", 50, 25)), "escalate+hold"},
		"exactly half of all records may be of the value": {
			seen(1000, failing(100), in("plan", "free", 500, 100)), "quarantine[plan=free] notify"},
		"more than half is everywhere": {
			seen(1000, failing(100), in("plan", "free", 501, 100)), "escalate+hold"},
		"a value with too many records gives way to a smaller one": {
			seen(1000, failing(100), in("country", "BR", 100, 60), in("country", "US", 450, 21), in("country", "IN", 100, 20)), "quarantine[country=BR,IN] notify"},
		"outside, just below the line is fine": {
			seen(1000, failing(200), in("country", "BR", 200, 161)), "quarantine[country=BR] notify"},
		"outside, exactly on the line isn't": {
			seen(1000, failing(200), in("country", "BR", 200, 160)), "escalate+hold"},
		"another value brings the outside below the line": {
			seen(1000, failing(200), in("country", "BR", 200, 160), in("country", "IN", 100, 10)), "quarantine[country=BR,IN] notify"},
		"the narrowest column wins": {
			seen(1000, failing(60), in("plan", "free", 400, 60), in("country", "BR", 100, 60)), "quarantine[country=BR] notify"},
		"values without failures play no part": {
			seen(1000, failing(60), in("country", "BR", 100, 60), in("country", "US", 900, 0)), "quarantine[country=BR] notify"},
		"a segment that can't be is not believed": {
			seen(1000, failing(60), in("country", "BR", 10, 60)), "escalate+hold"},
		"more failures inside than there are": {
			seen(1000, failing(60), in("country", "BR", 100, 61)), "escalate+hold"},
		"without counted failures nothing is concentrated": {
			seen(1000, failingShare(0.06), in("country", "BR", 100, 60)), "escalate+hold"},
		"no failures, no condition": {
			seen(1000, in("country", "BR", 100, 0)), ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := agent.DefaultPolicy().Bounds(tc.facts)
			if got := plan(b.Default); got != tc.does {
				t.Errorf("actions = %q, want %q (conditions %s)", got, tc.does, conditions(b))
			}
		})
	}
}

func TestPolicySettings(t *testing.T) {
	tests := map[string]struct {
		set   func(*agent.Policy)
		facts agent.Facts
		does  string
	}{
		"kill switch: a remap is a person's":       {func(p *agent.Policy) { p.KillSwitch = true }, seen(100, added("tier", 10)), "escalate+hold"},
		"kill switch: a quarantine is a person's":  {func(p *agent.Policy) { p.KillSwitch = true }, seen(100, retyped("age", 10)), "escalate+hold"},
		"kill switch: a retrigger is a person's":   {func(p *agent.Policy) { p.KillSwitch = true }, seen(100, late(1)), "escalate+hold"},
		"kill switch: a failed run holds nothing":  {func(p *agent.Policy) { p.KillSwitch = true }, seen(0, broke(pipeline.Transient, 1)), "escalate"},
		"kill switch: concentrated failures":       {func(p *agent.Policy) { p.KillSwitch = true }, seen(1000, failing(60), in("c", "x", 100, 60)), "escalate+hold notify"},
		"kill switch: logging goes on":             {func(p *agent.Policy) { p.KillSwitch = true }, seen(1000, failing(1)), "log"},
		"kill switch: healthy batches load":        {func(p *agent.Policy) { p.KillSwitch = true }, seen(1000), ""},
		"autonomy auto acts":                       {autonomy(agent.Remap, agent.Auto), seen(100, added("tier", 10)), "remap[tier]"},
		"autonomy approve asks":                    {autonomy(agent.Remap, agent.Approve), seen(100, added("tier", 10)), "escalate+hold"},
		"autonomy suggest asks":                    {autonomy(agent.Remap, agent.Suggest), seen(100, added("tier", 10)), "escalate+hold"},
		"autonomy observe asks":                    {autonomy(agent.Remap, agent.Observe), seen(100, added("tier", 10)), "escalate+hold"},
		"autonomy of one action leaves the others": {autonomy(agent.Remap, agent.Approve), seen(100, retyped("age", 10)), "quarantine escalate"},
		"the late line moves":                      {func(p *agent.Policy) { p.LateMajor = 0.3 }, seen(10, late(2)), "retrigger"},
		"the late line is exact in decimals":       {func(p *agent.Policy) { p.LateMajor = 0.7 }, seen(10, late(7)), "escalate"},
		"the quality line moves":                   {func(p *agent.Policy) { p.DQMajor = 0.07 }, seen(100, failing(6)), "log"},
		"the quality line is exact in decimals":    {func(p *agent.Policy) { p.DQMajor = 0.07 }, seen(100, failing(7)), "escalate+hold"},
		"a percentage on the line, as computed":    {func(p *agent.Policy) { p.DQMajor = 0.29 }, seen(0, resultsOnly, unmet(dq.Critical, true, 28.999999999999996)), "escalate+hold"},
		"a line of zero takes any failure":         {func(p *agent.Policy) { p.DQMajor = 0 }, seen(1000, failing(1)), "escalate+hold"},
		"a line of zero leaves healthy ones alone": {func(p *agent.Policy) { p.DQMajor, p.LateMajor = 0, 0 }, seen(1000), ""},
		"no new field may be taken up":             {func(p *agent.Policy) { p.Drift.MaxNewFields = 0 }, seen(100, added("tier", 10)), "escalate+hold"},
		"a day's last remap":                       {func(p *agent.Policy) { p.Drift.MaxRemaps = 3 }, seen(100, added("tier", 10), remapped(2)), "remap[tier]"},
		"one remap more than a day may have":       {func(p *agent.Policy) { p.Drift.MaxRemaps = 3 }, seen(100, added("tier", 10), remapped(3)), "escalate+hold"},
		"remaps without a limit":                   {func(p *agent.Policy) { p.Drift.MaxRemaps = 0 }, seen(100, added("tier", 10), remapped(300)), "remap[tier]"},
		"nothing is localized":                     {func(p *agent.Policy) { p.Localized.MaxValues = 0 }, seen(1000, failing(60), in("c", "x", 100, 60)), "escalate+hold"},
		"no retrigger at all":                      {func(p *agent.Policy) { p.Retrigger.MaxChain = 0 }, seen(100, late(1)), "log"},
		"the first failure pauses":                 {func(p *agent.Policy) { p.RepeatedFailures = 1 }, seen(0, broke(pipeline.Transient, 0)), "escalate+pause"},
		"a long chain waits no longer than max":    {func(p *agent.Policy) { p.Retrigger.MaxChain = 100 }, seen(0, broke(pipeline.Transient, 1), chain(99)), "retrigger(900s)"},
		"the budget's line is exact in decimals":   {func(p *agent.Policy) { p.QuarantineMaxShare = 0.7 }, seen(10, retyped("age", 7)), "quarantine escalate"},
		"the budget can be nothing":                {func(p *agent.Policy) { p.QuarantineMaxShare = 0 }, seen(1000, retyped("age", 1)), "quarantine escalate+hold"},
		"any stray field counts":                   {func(p *agent.Policy) { p.Drift.MinShare = 0 }, seen(1_000_000, added("tier", 1)), "remap[tier]"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := agent.DefaultPolicy()
			tc.set(&p)
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			b := p.Bounds(tc.facts)
			if got := plan(b.Default); got != tc.does {
				t.Errorf("actions = %q, want %q", got, tc.does)
			}
			if err := agent.Guard(b, agent.Proposal{Actions: b.Default}); err != nil {
				t.Errorf("the guard refuses the default: %v", err)
			}
			if strings.Contains(tc.does, "remap") != slices.Contains(b.Allowed, agent.Remap) {
				t.Errorf("allowed = %v, while the default is %q", b.Allowed, tc.does)
			}
		})
	}
}

func autonomy(a agent.Action, level string) func(*agent.Policy) {
	return func(p *agent.Policy) { p.Autonomy = map[agent.Action]string{a: level} }
}

func TestEscalationSaysWhy(t *testing.T) {
	kill := agent.DefaultPolicy()
	kill.KillSwitch = true
	asks := agent.DefaultPolicy()
	asks.Autonomy = map[agent.Action]string{agent.Remap: agent.Suggest}
	tests := map[string]struct {
		policy agent.Policy
		facts  agent.Facts
		cause  string
		says   []string
	}{
		"the cause is pipeline and condition": {
			agent.DefaultPolicy(), seen(1000, late(150)), "customers/late_arrivals_major", []string{"15% of the records are late"}},
		"several conditions are one cause": {
			agent.DefaultPolicy(), seen(1000, retyped("age", 10), gap(0, 7)), "customers/schema_drift_breaking/type_changed:age+source_gap",
			[]string{`"age"`, "7 offsets"}},
		"a condition that escalates twice is named once": {
			agent.DefaultPolicy(), seen(1000, retyped("age", 600)), "customers/schema_drift_breaking/type_changed:age",
			[]string{"60% of the batch", "policy.quarantine_max_share (50%)"}},
		"the kill switch": {
			kill, seen(100, added("tier", 10)), "customers/schema_drift_additive", []string{"policy.kill_switch is on", `"tier"`}},
		"autonomy": {
			asks, seen(100, added("tier", 10)), "customers/schema_drift_additive", []string{"policy.autonomy.remap is suggest"}},
		"too many fields": {
			agent.DefaultPolicy(), seen(100, newFields(30)), "customers/schema_drift_additive",
			[]string{"30 new fields", "policy.drift.max_new_fields (20)", "and 20 more"}},
		"the end of a chain": {
			agent.DefaultPolicy(), seen(0, broke(pipeline.Transient, 1), chain(3)), "customers/job_failed",
			[]string{"no broker", "policy.retrigger.max_chain is 3"}},
		"a table rule": {
			agent.DefaultPolicy(), seen(10, unmet(dq.Critical, false, 0)), "customers/dq_failures_major", []string{`expect_something of "email"`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := tc.policy.Bounds(tc.facts)
			e, ok := agent.Decision{Actions: b.Default}.Find(agent.Escalate)
			if !ok || e.Args.Cause != tc.cause || b.Cause != tc.cause {
				t.Errorf("cause = %q (bounds: %q), want %q", e.Args.Cause, b.Cause, tc.cause)
			}
			for _, want := range tc.says {
				if !strings.Contains(e.Reason, want) {
					t.Errorf("reason %q lacks %q", e.Reason, want)
				}
			}
		})
	}
}

func TestRepeatedFailuresTellTheHistory(t *testing.T) {
	f := seen(0, broke(pipeline.Transient, 4), chain(2), tried(agent.Remap))
	for i := range 8 {
		f.LastErrors = append(f.LastErrors, pipeline.Failure{Stage: "load", Kind: pipeline.Bug, Error: fmt.Sprintf("error %d\n%s", i, strings.Repeat("x", 5000))})
	}
	b := agent.DefaultPolicy().Bounds(f)
	e, _ := agent.Decision{Actions: b.Default}.Find(agent.Escalate)
	for _, want := range []string{"now: stage process failed (transient): no broker", "1 before: stage load failed (bug): error 0", "error 4", "2 retriggers", "tried: remap"} {
		if !strings.Contains(e.Args.Message, want) {
			t.Errorf("the message lacks %q:\n%s", want, e.Args.Message)
		}
	}
	if strings.Contains(e.Args.Message, "error 5") || len(e.Args.Message) > 5000 {
		t.Errorf("the message isn't cut: %d bytes", len(e.Args.Message))
	}
}
