package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Backtest decides recorded history again under another policy, by another
// proposer, or both.
type Backtest struct {
	Policy   *Policy   // nil: the one that was recorded with each decision
	Proposer Proposer  // nil: what was proposed then goes through the guard again
	Since    time.Time // decisions from then on; the zero time takes all
}

// Change is a decision that would be another one, and why.
type Change struct {
	ID    string    `json:"id"`
	RunID string    `json:"run_id"`
	At    time.Time `json:"at"`

	ConditionsLost   []Met     `json:"conditions_lost,omitempty"`
	ConditionsGained []Met     `json:"conditions_gained,omitempty"`
	ActionsLost      []Planned `json:"actions_lost,omitempty"`
	ActionsGained    []Planned `json:"actions_gained,omitempty"`
	// ActionsChanged are arguments of actions that are in both.
	ActionsChanged []Difference `json:"actions_changed,omitempty"`
	HoldWas        bool         `json:"hold_was"`
	HoldIs         bool         `json:"hold_is"`
	SeverityWas    string       `json:"severity_was"`
	SeverityIs     string       `json:"severity_is"`

	Thresholds []Difference `json:"thresholds,omitempty"` // of the policy, recorded and now
	Fallback   string       `json:"fallback,omitempty"`   // why rules would decide instead of the proposer
}

// Tally sums a backtest up.
type Tally struct {
	Decided   int `json:"decided"`
	Differ    int `json:"differ"`
	Unreached int `json:"unreached"` // second decisions of runs that wouldn't remap
	MoreHolds int `json:"more_holds"`
	LessHolds int `json:"less_holds"`
	Fallbacks int `json:"fallbacks"`

	Was Fate `json:"records_was"`
	Is  Fate `json:"records_is"`
}

// Fate is where decisions send records, counted from the facts. A record with
// two findings may count as quarantined twice, up to the batch's size.
type Fate struct {
	Loaded      int64 `json:"loaded"`
	Quarantined int64 `json:"quarantined"`
	Held        int64 `json:"held"`
	Again       int64 `json:"again"` // processed again after a remap: what then is, isn't known
}

// Run reads a log, and gives each decision that would be another one. It keeps
// none of them. A broken chain ends it with an error, as does a recorded policy
// that this version can't use.
func (b Backtest) Run(ctx context.Context, log io.Reader, each func(Change) error) (Tally, error) {
	r := &backtest{Backtest: b, settled: map[string]bool{}}
	for e, err := range Entries(log) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return r.tally, err
		}
		if e.Kind != KindDecision || e.At.Before(b.Since) {
			continue
		}
		if err := r.decide(ctx, e, each); err != nil {
			return r.tally, err
		}
	}
	return r.tally, nil
}

type backtest struct {
	Backtest
	tally   Tally
	settled map[string]bool // runs that remapped, and now wouldn't: their first decision is their last
}

func (b *backtest) decide(ctx context.Context, e Entry, each func(Change) error) error {
	rec, err := e.recorded()
	if err != nil {
		return err
	}
	was := rec.Decision
	if b.settled[was.RunID] && was.follows(rec.Facts) {
		b.tally.Unreached++
		b.tally.Was.add(fate(rec.Facts, was.Actions))
		return nil
	}
	policy, proposer := rec.Policy, rec.proposer()
	if b.Policy != nil {
		policy = *b.Policy
	}
	if b.Proposer != nil {
		proposer = b.Proposer
	}
	is, err := Decide(ctx, rec.Facts, policy, proposer, was.At, was.RunID)
	if err != nil {
		return fmt.Errorf("decide again on %s: %w", was.ID, err)
	}
	b.tally.count(rec.Facts, was, is)
	if _, remapped := was.Find(Remap); remapped {
		_, remaps := is.Find(Remap)
		b.settled[was.RunID] = !remaps
	}
	c, err := changeOf(was, is)
	if err != nil || c == nil {
		return err
	}
	if c.Thresholds, err = thresholds(rec.Policy, policy); err != nil {
		return err
	}
	b.tally.Differ++
	return each(*c)
}

// follows reports whether the decision was made after a remap of its own run.
func (d Decision) follows(f Facts) bool {
	return slices.ContainsFunc(f.Tried, func(a Attempt) bool { return a.Action == Remap && a.RunID == d.RunID })
}

func (t *Tally) count(f Facts, was, is Decision) {
	t.Decided++
	if is.Fallback != "" {
		t.Fallbacks++
	}
	switch held, holds := holds(was.Actions), holds(is.Actions); {
	case holds && !held:
		t.MoreHolds++
	case held && !holds:
		t.LessHolds++
	}
	t.Was.add(fate(f, was.Actions))
	t.Is.add(fate(f, is.Actions))
}

func (x *Fate) add(o Fate) {
	x.Loaded += o.Loaded
	x.Quarantined += o.Quarantined
	x.Held += o.Held
	x.Again += o.Again
}

// fate is where actions send the records of these facts. Malformed records, and
// those that don't conform to the schema, stay out whatever is decided.
func fate(f Facts, actions []Planned) Fate {
	read := f.Report.Records.Read
	switch {
	case f.Report.Failure != nil || read <= 0:
		return Fate{}
	case proposes(actions, Remap):
		return Fate{Again: read}
	case holds(actions):
		return Fate{Held: read}
	}
	out := max(0, f.Report.Records.Malformed)
	for _, d := range f.Report.Drift {
		if d.Kind != pipeline.FieldAdded {
			out += max(0, d.Count)
		}
	}
	for _, a := range actions {
		if a.Action == Quarantine && a.Args.Column != "" {
			out += failingIn(f, a.Args)
		}
	}
	out = min(out, read)
	return Fate{Loaded: read - out, Quarantined: out}
}

func failingIn(f Facts, args Args) (n int64) {
	for _, s := range f.Report.Quality.Segments {
		if s.Column == args.Column && slices.Contains(args.Values, s.Value) {
			n += max(0, s.Failed)
		}
	}
	return n
}

// changeOf compares what is done, and about what; texts may differ. It is nil
// if nothing differs.
func changeOf(was, is Decision) (*Change, error) {
	c := &Change{
		ID: was.ID, RunID: was.RunID, At: was.At, Fallback: is.Fallback,
		ConditionsLost: without(was.Conditions, is.Conditions), ConditionsGained: without(is.Conditions, was.Conditions),
		HoldWas: holds(was.Actions), HoldIs: holds(is.Actions), SeverityWas: was.Severity, SeverityIs: is.Severity,
	}
	for _, a := range was.Actions {
		b, both := is.Find(a.Action)
		if !both {
			c.ActionsLost = append(c.ActionsLost, a)
			continue
		}
		d, err := argsDiffer(a, b)
		if err != nil {
			return nil, err
		}
		c.ActionsChanged = append(c.ActionsChanged, d...)
	}
	for _, a := range is.Actions {
		if _, both := was.Find(a.Action); !both {
			c.ActionsGained = append(c.ActionsGained, a)
		}
	}
	if len(c.ConditionsLost)+len(c.ConditionsGained)+len(c.ActionsLost)+len(c.ActionsGained)+len(c.ActionsChanged) == 0 &&
		c.SeverityWas == c.SeverityIs {
		return nil, nil
	}
	return c, nil
}

// argsDiffer leaves texts out.
func argsDiffer(a, b Planned) ([]Difference, error) {
	a.Args.Message, b.Args.Message = "", ""
	d, err := differ(a.Args, b.Args)
	for i := range d {
		d[i].Path = string(a.Action) + "." + d[i].Path
	}
	return d, err
}

func without(a, b []Met) []Met {
	return slices.DeleteFunc(slices.Clone(a), func(m Met) bool {
		return slices.ContainsFunc(b, func(o Met) bool { return o.Name == m.Name })
	})
}

// durations are the policy's settings that JSON has in nanoseconds.
var durations = []string{"retrigger.backoff", "retrigger.max_backoff", "escalation.remind_after", "escalation.timeout"}

func thresholds(was, is Policy) ([]Difference, error) {
	d, err := differ(was, is)
	for i := range d {
		if slices.Contains(durations, d[i].Path) {
			d[i].Was, d[i].Is = duration(d[i].Was), duration(d[i].Is)
		}
	}
	return d, err
}

func duration(ns string) string {
	if d, err := time.ParseDuration(ns + "ns"); err == nil {
		return d.String()
	}
	return ns
}
