package temporal

import (
	"context"

	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// Mailbox brings alerts to their pipelines' Alerts workflows.
type Mailbox struct {
	Client    client.Client
	TaskQueue string
}

// Post signals the pipeline's alerts, and starts them if they don't run.
func (m Mailbox) Post(ctx context.Context, a alerting.Alert) error {
	id := workflows.AlertsID(a.Pipeline)
	_, err := m.Client.SignalWithStartWorkflow(ctx, id, workflows.SignalAlert, a,
		client.StartWorkflowOptions{ID: id, TaskQueue: m.TaskQueue}, workflows.Alerts, workflows.AlertsState{Pipeline: a.Pipeline})
	if err != nil {
		return pipeline.Faultf(pipeline.Transient, "hand alert %s to workflow %s: %w", a.ID, id, err)
	}
	return nil
}
