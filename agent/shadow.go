package agent

import (
	"reflect"
	"strings"
	"time"
)

// Shadow is what another proposer would have done about a decision's facts. It
// is recorded, and nothing follows from it.
type Shadow struct {
	Decision string   `json:"decision"` // ID of the one that was taken
	Proposal Proposal `json:"proposal"`
	Refused  string   `json:"refused,omitempty"` // why it is no usable proposal
	Agrees   bool     `json:"agrees"`
}

// Agrees reports whether a proposal does what the decision does: the same
// actions on the same fields, segment and batch. Waits, texts and advice may
// differ.
func (d Decision) Agrees(p Proposal) bool {
	return reflect.DeepEqual(effects(d.Actions), effects(p.Actions))
}

// effects are actions by what they do to data.
func effects(actions []Planned) map[Action]Args {
	out := map[Action]Args{}
	for _, a := range actions {
		out[a.Action] = Args{
			Fields: distinct(append([]string{}, a.Args.Fields...)), Column: a.Args.Column, Values: distinct(append([]string{}, a.Args.Values...)),
			Hold: a.Args.Hold, PauseSchedule: a.Args.PauseSchedule,
		}
	}
	return out
}

func (s Shadow) stance() string {
	switch {
	case s.Refused != "":
		return "have been refused: " + clip(s.Refused, maxError)
	case s.Agrees:
		return "do the same"
	}
	does := make([]string, 0, len(s.Proposal.Actions))
	for _, a := range s.Proposal.Actions {
		does = append(does, doing(a))
	}
	return strings.Join(does, ", ")
}

// Shadow records what a shadow proposed.
func (l *AuditLog) Shadow(s Shadow, at time.Time) error {
	if len(s.Proposal.Raw) > 0 {
		s.Proposal.Raw = kept(s.Proposal.Raw)
	}
	return l.append(KindShadow, s.Decision, at, s)
}

// Switch records that a person turned the kill switch.
func (l *AuditLog) Switch(s Switch) error {
	return l.append(KindSwitch, s.Pipeline+"@"+s.At.UTC().Format(time.RFC3339Nano), s.At, s)
}
