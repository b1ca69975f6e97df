package agent

import "github.com/autonomous-data-pipeline/adp/pipeline"

// Request asks for a decision on a run.
type Request struct {
	Run        pipeline.Run       `json:"run"`
	Report     pipeline.RunReport `json:"report"`           // so far
	Staged     *pipeline.Staged   `json:"staged,omitempty"` // where the quality results are; nil if the run failed before
	Retriggers int                `json:"retriggers"`
	Tried      []Attempt          `json:"tried,omitempty"`
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
}

// Decided is the answer to a Request.
type Decided struct {
	Decision            Decision `json:"decision"`
	ConsecutiveFailures int      `json:"consecutive_failures"` // this run counts too
}
