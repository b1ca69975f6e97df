package eval

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// reading is the facts read against a policy: the design's matrix, written a
// second time. Nothing here may call what agent computes.
type reading struct {
	facts  agent.Facts
	policy agent.Policy
}

// ratio is an exact share; nil is unknown and none.
type ratio struct{ *big.Rat }

// The verdicts on a share and its line.
const (
	none      = "none"
	below     = "below"
	onOrAbove = "on or above"
)

// share is n of whole, or s where the whole is unknown. A count of an unknown
// whole without a share may be all of it.
func share(n, whole int64, s float64) ratio {
	switch {
	case n > 0 && whole > 0:
		return ratio{big.NewRat(min(n, whole), whole)}
	case s > 0 && s <= 1:
		return ratio{exact(s)}
	case s != 0 || n > 0: // an impossible share, or NaN
		return ratio{big.NewRat(1, 1)}
	}
	return ratio{}
}

// exact reads a setting as a person wrote it: 0.15 is 15/100.
func exact(x float64) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(x, 'f', -1, 64)) // a finite number always reads
	return r
}

func (r ratio) verdict(line float64) string {
	switch {
	case r.Rat == nil:
		return none
	case r.Cmp(exact(line)) < 0:
		return below
	}
	return onOrAbove
}

func (r ratio) is(line float64) bool { return r.Rat != nil && r.Cmp(exact(line)) == 0 }

func (r ratio) plus(o ratio) ratio {
	switch {
	case r.Rat == nil:
		return o
	case o.Rat == nil:
		return r
	}
	return ratio{new(big.Rat).Add(r.Rat, o.Rat)}
}

func (r reading) read() int64 { return r.facts.Report.Records.Read }

func (r reading) late() ratio {
	l := r.facts.Report.Late
	return share(l.Count, r.read(), l.Share)
}

// free: neither the kill switch nor autonomy takes the action away.
func (r reading) free(a agent.Action) bool {
	level := r.policy.Autonomy[a]
	return !r.policy.KillSwitch && (level == "" || level == agent.Auto)
}

// columnName is what data may name a column; a longer name than this fits
// nowhere.
var columnName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,127}$`)

func additive(d pipeline.Drift) bool {
	return d.Kind == pipeline.FieldAdded && !d.Breaking && columnName.MatchString(d.Field)
}

// counts: a stray field below the share is no drift.
func (r reading) counts(d pipeline.Drift) bool {
	return share(d.Count, r.read(), d.Share).verdict(r.policy.Drift.MinShare) != below
}

func (r reading) newFields() (names []string) {
	for _, d := range r.facts.Report.Drift {
		if additive(d) && r.counts(d) && !slices.Contains(names, d.Field) {
			names = append(names, d.Field)
		}
	}
	return names
}

func (r reading) breaking() (out []pipeline.Drift) {
	for _, d := range r.facts.Report.Drift {
		if !additive(d) && r.counts(d) {
			out = append(out, d)
		}
	}
	return out
}

func (r reading) remapped() bool {
	return slices.ContainsFunc(r.facts.Tried, func(a agent.Attempt) bool { return a.Action == agent.Remap })
}

// overRemapped: too many new fields, or too many remaps in a day.
func (r reading) overRemapped() bool {
	d := r.policy.Drift
	return len(r.newFields()) > d.MaxNewFields || d.MaxRemaps > 0 && r.facts.Remaps >= d.MaxRemaps
}

// failing is the share of failing records; of results alone, the worst
// row-level rule that isn't mere information.
func (r reading) failing() ratio {
	q := r.facts.Report.Quality
	most := share(q.Failed, r.read(), q.Share)
	if most.Rat != nil || (r.read() > 0 && !r.facts.ResultsOnly) {
		return most
	}
	for _, e := range r.facts.Failed {
		if !e.RowLevel || e.Severity == dq.Info || e.UnexpectedPercent == 0 {
			continue
		}
		// Percentages come from others' floating point: twelve digits count.
		percent, _ := strconv.ParseFloat(strconv.FormatFloat(e.UnexpectedPercent, 'g', 12, 64), 64)
		x := share(0, 0, percent/100)
		if most.Rat == nil || x.Cmp(most.Rat) > 0 {
			most = x
		}
	}
	return most
}

// wholesale: a critical rule failed without saying which rows.
func (r reading) wholesale() bool {
	return slices.ContainsFunc(r.facts.Failed, func(e agent.FailedExpectation) bool {
		return e.Severity != dq.Info && e.Severity != dq.Warning && !(e.RowLevel && e.UnexpectedPercent > 0)
	})
}

func (r reading) failed() bool {
	return r.facts.Report.Failure != nil || r.facts.Report.Outcome == pipeline.Failed
}

func (r reading) repeated() bool {
	n := r.facts.Report.ConsecutiveFailures
	if r.failed() {
		n = max(n, 1)
	}
	return n >= r.policy.RepeatedFailures
}

func (r reading) gap() bool {
	return slices.ContainsFunc(r.facts.Report.Source.Gaps, func(g pipeline.Range) bool { return g.End > g.Start })
}

// waits are the shortest and the longest backoff of a retrigger, in seconds.
func (r reading) waits() (least, most int64) {
	longest := r.policy.Retrigger.MaxBackoff
	if r.failed() && !r.repeated() {
		wait := r.policy.Retrigger.Backoff
		for range r.facts.Retriggers {
			wait = min(wait*2, longest)
		}
		least = ceil(min(wait, longest))
	}
	return least, ceil(longest)
}

func ceil(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}

// inside sums up the values of a segment that the facts show, as far as their
// numbers can be.
func (r reading) inside(column string, values []string) (failed, records int64, seen int) {
	for _, s := range r.facts.Report.Quality.Segments {
		if s.Column == column && slices.Contains(values, s.Value) && s.Failed > 0 && s.Failed <= s.Records {
			failed, records, seen = failed+s.Failed, records+s.Records, seen+1
		}
	}
	return failed, records, seen
}

// notConcentrated says why these values aren't where the failures are, or is
// empty.
func (r reading) notConcentrated(column string, values []string) string {
	all := r.facts.Report.Quality.Failed
	failed, records, seen := r.inside(column, values)
	l := r.policy.Localized
	switch {
	case len(values) == 0 || len(values) > l.MaxValues:
		return "it names no value, or too many"
	case seen != len(values):
		return "the facts show no failures in some of its values"
	case failed > all || records > r.read():
		return "its numbers can't be"
	case share(failed, all, 0).verdict(l.MinFailingShare) != onOrAbove:
		return "too few of the failing records are in it"
	case share(records, r.read(), 0).verdict(l.MaxRecordsShare) == onOrAbove && !share(records, r.read(), 0).is(l.MaxRecordsShare):
		return "it holds too many records"
	case share(all-failed, r.read()-records, 0).verdict(r.policy.DQMajor) == onOrAbove:
		return "too many records fail outside of it"
	}
	return ""
}

// setAside is what a quarantine keeps out.
func (r reading) setAside(column string, values []string) ratio {
	out := share(r.facts.Report.Records.Malformed, r.read(), 0)
	for _, d := range r.breaking() {
		if d.Kind != pipeline.FieldAdded {
			out = out.plus(share(d.Count, r.read(), d.Share))
		}
	}
	if column != "" {
		failed, _, _ := r.inside(column, values)
		out = out.plus(share(failed, r.read(), 0))
	}
	return out
}
