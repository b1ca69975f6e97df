package pipeline

import (
	"fmt"
	"time"
)

// MaintenanceRequest asks to clean up after a pipeline, as its settings say.
type MaintenanceRequest struct {
	Pipeline string `json:"pipeline"`
}

// Cleaned is what one step of maintenance did. A step that was interrupted and
// repeated counts what its last attempt removed.
type Cleaned struct {
	Step    string `json:"step"`
	Removed int64  `json:"removed"`         // of Unit
	Unit    string `json:"unit"`            // folders, files, rows or records
	Bytes   int64  `json:"bytes,omitempty"` // of them, as far as they are known
	Kept    int64  `json:"kept,omitempty"`  // old enough, but still needed
	Detail  string `json:"detail,omitempty"`
	Error   string `json:"error,omitempty"` // why it wasn't done, after all its attempts
}

// MaintenanceReport is what maintenance did.
type MaintenanceReport struct {
	Pipeline   string    `json:"pipeline"`
	RunID      string    `json:"run_id"`
	WorkflowID string    `json:"workflow_id"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Steps      []Cleaned `json:"steps"`
}

// String is what a step did, in a line.
func (c Cleaned) String() string {
	if c.Error != "" {
		return c.Step + ": not done: " + c.Error
	}
	line := fmt.Sprintf("%s: removed %d %s", c.Step, c.Removed, c.Unit)
	if c.Bytes > 0 {
		line += fmt.Sprintf(", %d bytes", c.Bytes)
	}
	if c.Kept > 0 {
		line += fmt.Sprintf("; kept %d that are still needed", c.Kept)
	}
	if c.Detail != "" {
		line += " (" + c.Detail + ")"
	}
	return line
}
