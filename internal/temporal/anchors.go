package temporal

import (
	"context"
	"fmt"

	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// maxScanned bounds how many of a pipeline's workflows are asked for their
// anchors, newest first. Older ones add little: an anchor proves every entry
// before its own.
const maxScanned = 2000

// Anchors gives the heads of the decision log that a pipeline's newest
// workflows noted in their memos, whether they run or have ended. The service
// forgets ended ones after the namespace's retention, and its index may lag
// behind by seconds.
func (e Executions) Anchors(ctx context.Context, name string) ([]agent.Anchor, error) {
	// Without an order of its own, the service lists what runs, then the last closed first.
	req := &workflowservice.ListWorkflowExecutionsRequest{Namespace: e.Namespace, Query: anchoredQuery(name)}
	var anchors []agent.Anchor
	for scanned := 0; scanned < maxScanned; {
		page, err := e.Client.ListWorkflow(ctx, req)
		if err != nil {
			return nil, pipeline.Faultf(pipeline.Transient, "list the workflows of pipeline %s: %w", name, err)
		}
		for _, x := range page.Executions {
			a, ok, err := anchorOf(x)
			if err != nil {
				return nil, err
			}
			if ok {
				anchors = append(anchors, a)
			}
		}
		scanned += len(page.Executions)
		if req.NextPageToken = page.NextPageToken; len(req.NextPageToken) == 0 {
			break
		}
	}
	return anchors, nil
}

// anchoredQuery leaves out runs that ended without a decision: they are many,
// and have no anchor.
func anchoredQuery(name string) string {
	return fmt.Sprintf("Pipeline = '%s' AND (Outcome IS NULL OR Conditions IS NOT NULL)", name)
}

func anchorOf(x *workflow.WorkflowExecutionInfo) (agent.Anchor, bool, error) {
	payload, ok := x.GetMemo().GetFields()[workflows.MemoAuditHead]
	if !ok {
		return agent.Anchor{}, false, nil
	}
	a := agent.Anchor{By: x.Execution.RunId}
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &a.Head); err != nil {
		return a, false, pipeline.Faultf(pipeline.BadData, "read memo %s of workflow %s, run %s: %w", workflows.MemoAuditHead, x.Execution.WorkflowId, a.By, err)
	}
	return a, true, nil
}
