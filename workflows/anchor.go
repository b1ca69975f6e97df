package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/agent"
)

// MemoAuditHead is the memo under which a workflow keeps the decision log's
// head (agent.Head) after its last append.
const MemoAuditHead = "audit_head"

// anchor notes the decision log's head where nobody can reach it who can only
// write the log's file.
func anchor(ctx workflow.Context, h agent.Head) error {
	if h.Seq == 0 {
		return nil // nothing was appended, or by a worker that gave no heads yet
	}
	return workflow.UpsertMemo(ctx, map[string]any{MemoAuditHead: h})
}
