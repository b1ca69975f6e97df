package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Given proposes what a model has chosen before, for the same facts.
type Given struct{ Proposed Proposed }

// Name is the provider that was asked.
func (g Given) Name() string { return g.Proposed.Proposal.By }

// Propose gives the proposal, unless there is none or it is about other facts.
func (g Given) Propose(_ context.Context, f Facts, _ Bounds) (Proposal, error) {
	if g.Proposed.Error != "" {
		return g.Proposed.Proposal, errors.New(g.Proposed.Error)
	}
	digest, err := Digest(f)
	if err != nil {
		return g.Proposed.Proposal, err
	}
	if digest != g.Proposed.Facts {
		return g.Proposed.Proposal, errors.New("the facts have changed since the model was asked")
	}
	return g.Proposed.Proposal, nil
}

// Changes reports whether carrying the decision out changes anything that a
// person hasn't been asked about.
func (d Decision) Changes() bool {
	return !holds(d.Actions) && slices.ContainsFunc(d.Actions, func(p Planned) bool { return changes(p.Action) })
}

// Permit re-checks, right before acting, that the decision was made from these
// facts and that the policy of now still lets it through. The answer is why it
// doesn't, or empty.
func (d Decision) Permit(f Facts, p Policy) (string, error) {
	digest, err := Digest(f)
	if err != nil {
		return "", err
	}
	if digest != d.Facts {
		return "the facts have changed since the decision was made", nil
	}
	if err := Guard(p.Bounds(f), Proposal{Actions: d.Actions}); err != nil {
		return clip(err.Error(), maxText), nil
	}
	return "", nil
}

// staysOut bounds the records that a quarantine keeps out of a batch that isn't
// held: at least the largest of its groups, at most all of them, since a record
// can be in several.
func (d Decision) staysOut(f Facts) *pipeline.Between {
	q, ok := d.Find(Quarantine)
	if !ok || holds(d.Actions) || f.Report.Records.Read == 0 {
		return nil
	}
	groups := []int64{f.Report.Records.Malformed}
	for _, x := range f.Report.Drift {
		if x.Kind != pipeline.FieldAdded {
			groups = append(groups, x.Count)
		}
	}
	for _, s := range f.Report.Quality.Segments {
		if s.Column == q.Args.Column && slices.Contains(q.Args.Values, s.Value) {
			groups = append(groups, s.Failed)
		}
	}
	b := &pipeline.Between{}
	for _, n := range groups {
		b.Min, b.Max = max(b.Min, n), min(b.Max+n, f.Report.Records.Read)
	}
	return b
}

// Check is whether an action has helped.
type Check struct {
	Action Action `json:"action"`
	RunID  string `json:"run_id"` // that carried it out
	Worked bool   `json:"worked"`
	Shows  string `json:"shows"` // what shows it
}

// Seen is what a run knows at its end about what was done.
type Seen struct {
	Run       pipeline.Run
	Report    pipeline.RunReport // with the drift of the last look alone
	Decision  *Decision          // the last one, or nil
	Remapped  []pipeline.Drift   // fields that the schema has taken up in this run
	Evaluated bool               // the batch was looked at after the last remap
	Loaded    bool               // it is in, and was read back
}

// Checks looks at what each action has come to. What can't be known yet has no
// check: a retrigger's is the next run's.
func Checks(s Seen) []Check {
	var out []Check
	add := func(a Action, run string, worked bool, shows string) {
		out = append(out, Check{Action: a, RunID: run, Worked: worked, Shows: shows})
	}
	ok := s.Report.Failure == nil
	if s.Run.ParentID != "" {
		add(Retrigger, s.Run.ParentID, ok, "the next run "+string(s.Report.Outcome))
	}
	if len(s.Remapped) > 0 && s.Evaluated {
		left := stillUnknown(s.Remapped, s.Report.Drift)
		add(Remap, s.Run.RunID, len(left) == 0, fmt.Sprintf("%d of %d fields are still unknown", len(left), len(s.Remapped)))
	}
	if s.Decision == nil {
		return out
	}
	if b := s.Decision.StaysOut; b != nil {
		add(Quarantine, s.Run.RunID, s.Loaded, fmt.Sprintf("%d records are in quarantine, of %d to %d expected, and the table was read back", s.Report.Records.Quarantined, b.Min, b.Max))
	}
	if _, escalates := s.Decision.Find(Escalate); escalates {
		add(Escalate, s.Run.RunID, s.Report.Incident != "", "incident "+s.Report.Incident)
	}
	return out
}

func stillUnknown(remapped, drift []pipeline.Drift) []string {
	var left []string
	for _, m := range remapped {
		if slices.ContainsFunc(drift, func(d pipeline.Drift) bool { return d.Kind == pipeline.FieldAdded && d.Field == m.Field }) {
			left = append(left, m.Field)
		}
	}
	return left
}
