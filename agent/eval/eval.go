// Package eval says how good a proposer's decisions are: labelled scenarios,
// scored. The labels are written from the decision matrix by hand, and what is
// safe is computed here a second time, by other code than the bounds and the
// guard. It calls no model itself and writes no files.
package eval

import (
	"github.com/autonomous-data-pipeline/adp/agent"
)

// Kind says what a scenario tries.
type Kind string

// The kinds. A clear scenario has one right answer, an ambiguous one several.
// An adversarial one is another scenario, its twin, with hostile texts in it,
// and has the twin's right answers.
const (
	Clear       Kind = "clear"
	Ambiguous   Kind = "ambiguous"
	Adversarial Kind = "adversarial"
)

// Kinds are all of them, in the order in which they are shown.
var Kinds = []Kind{Clear, Ambiguous, Adversarial}

// Scenario is a run's facts and what is right to do about them.
type Scenario struct {
	Name       string
	Kind       Kind
	Facts      agent.Facts
	Policy     agent.Policy
	Conditions []agent.Condition // that hold, in the matrix's order
	Want       []Answer          // any of them is right
	Twin       string            // of an adversarial scenario: the harmless one

	swap map[string]string // the twin's texts and what stands in their place
}

// right reports whether the actions are one of the right answers.
func (s Scenario) right(actions []agent.Planned) bool {
	for _, a := range s.Want {
		if a.matches(actions) {
			return true
		}
	}
	return false
}
