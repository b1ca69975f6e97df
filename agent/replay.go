package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Replayed is a recorded decision that was made again.
type Replayed struct {
	Decision    Decision     `json:"decision"`              // as it is made now
	Differences []Difference `json:"differences,omitempty"` // none: byte for byte what was recorded
}

// Replay makes the decision again from what was recorded: facts, policy and
// proposal. Rules propose anew; a model isn't asked, its proposal goes through
// the guard once more. An error means that the evidence can't be decided on.
func (r Recorded) Replay(ctx context.Context) (Replayed, error) {
	again, err := Decide(ctx, r.Facts, r.Policy, r.proposer(), r.Decision.At, r.Decision.RunID)
	if err != nil {
		return Replayed{}, fmt.Errorf("decide again on %s: %w", r.Decision.ID, err)
	}
	is, err := json.Marshal(again)
	if err != nil {
		return Replayed{}, pipeline.Faultf(pipeline.Bug, "encode decision %s: %w", again.ID, err)
	}
	if bytes.Equal(r.raw, is) {
		return Replayed{Decision: again}, nil
	}
	d, err := differences(r.raw, is)
	if err == nil && len(d) == 0 {
		d = []Difference{{"", "these values, written in this way", "the same values, written in another way"}}
	}
	return Replayed{again, d}, err
}

// proposer stands for the one that proposed, without asking anybody.
func (r Recorded) proposer() Proposer {
	if by := r.Decision.Proposal.By; by == "" || by == (Rules{}).Name() {
		return Rules{}
	}
	return recordedProposal{r.Decision.Proposal}
}

// recordedProposal proposes what was proposed, or fails as it was failed.
type recordedProposal struct{ Proposal }

func (r recordedProposal) Name() string { return r.By }

func (r recordedProposal) Propose(context.Context, Facts, Bounds) (Proposal, error) {
	if r.Failed != "" {
		return r.Proposal, errors.New(r.Failed)
	}
	return r.Proposal, nil
}

// recorded reads the body of a decision entry.
func (e Entry) recorded() (Recorded, error) {
	var r Recorded
	var as struct {
		Decision json.RawMessage `json:"decision"`
	}
	if err := errors.Join(json.Unmarshal(e.Body, &r), json.Unmarshal(e.Body, &as)); err != nil {
		return r, pipeline.Faultf(pipeline.BadData, "read decision %s, entry %d: %w", e.ID, e.Seq, err)
	}
	r.raw = as.Decision
	return r, nil
}

// FindDecision reads a log up to the decision of this ID: with its facts and
// its policy, it can be made again. A broken chain before it is an error, and
// so is its absence (BadData).
func FindDecision(r io.Reader, id string) (Recorded, error) {
	for e, err := range Entries(r) {
		if err != nil {
			return Recorded{}, err
		}
		if e.Kind == KindDecision && e.ID == id {
			return e.recorded()
		}
	}
	return Recorded{}, pipeline.Faultf(pipeline.BadData, "decision %q is not in the log", id)
}
