package agent

import (
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Request asks for a decision on a run.
type Request struct {
	Run        pipeline.Run       `json:"run"`
	Report     pipeline.RunReport `json:"report"`           // so far
	Staged     *pipeline.Staged   `json:"staged,omitempty"` // where the quality results are; nil if the run failed before
	Retriggers int                `json:"retriggers"`
	Tried      []Attempt          `json:"tried,omitempty"`

	// Proposed is what a model chose; nil before it was asked.
	Proposed *Proposed `json:"proposed,omitempty"`
	// KillSwitch says that a person has stopped the agent during this run.
	KillSwitch bool `json:"kill_switch,omitempty"`
}

// Proposed is a model's proposal on its way to the guard.
type Proposed struct {
	Facts    string   `json:"facts_digest"` // that it was made from
	Proposal Proposal `json:"proposal"`
	Error    string   `json:"error,omitempty"` // why there is no usable one
}

// Ask says that a model should be asked before the decision is made.
type Ask struct {
	Provider string `json:"provider"`
	TimeoutS int64  `json:"timeout_s"` // for all attempts together
}

// ShadowRequest asks what another model would have done about a decision.
type ShadowRequest struct {
	Request  Request  `json:"request"`
	Decision Decision `json:"decision"`
}

// PermitRequest asks, right before something is changed, whether a decision
// still stands.
type PermitRequest struct {
	Request  Request  `json:"request"`
	Decision Decision `json:"decision"`
}

// Permitted is the answer. Refused says why the decision may not be carried
// out any more; empty permits it.
type Permitted struct {
	Refused string `json:"refused,omitempty"`
}

// Switch is the kill switch of a pipeline: while it is on, the agent changes
// nothing by itself, as with policy.kill_switch.
type Switch struct {
	Pipeline string    `json:"pipeline"`
	On       bool      `json:"on"`
	By       string    `json:"by"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
}

// IncidentRequest asks to open the incident of a decision's escalation.
type IncidentRequest struct {
	Run      pipeline.Run       `json:"run"`
	Report   pipeline.RunReport `json:"report"`
	Decision Decision           `json:"decision"`
}

// Executed tells the audit log what came of a decision.
type Executed struct {
	Pipeline string    `json:"pipeline"`
	RunID    string    `json:"run_id"`
	Decision string    `json:"decision"`
	Done     []Attempt `json:"done"`
	Verified []string  `json:"verified,omitempty"` // what reading back found wrong; empty is well
	Checks   []Check   `json:"checks,omitempty"`   // whether what was done has helped
}

// Decided is the answer to a Request.
type Decided struct {
	Decision            Decision `json:"decision"`
	ConsecutiveFailures int      `json:"consecutive_failures"` // this run counts too
	// Ask: nothing is decided yet; ask a model, and come again with its
	// proposal, or without one.
	Ask *Ask `json:"ask,omitempty"`
	// Shadow: another model is to be asked what it would have done.
	Shadow *Ask `json:"shadow,omitempty"`
	Head   Head `json:"head,omitzero"` // of the decision log, with this decision in it
}
