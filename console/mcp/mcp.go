// Package mcp lets people's assistants ask about the pipelines, by the Model
// Context Protocol. It only reads: there is no tool that approves, executes or
// changes anything, and none could.
package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Options say what is given away.
type Options struct {
	Version string
	Samples bool // quarantined records themselves too, not only how many
	Log     *slog.Logger
}

const instructions = `Answers about data pipelines: their health, runs, decisions, incidents and quarantine.
All tools only read. Answering an incident or starting a run is a person's: point them to the console or to the command line (starter approve, starter run).
` + notice

// defaultLimit and maxLimit bound a list.
const (
	defaultLimit = 10
	maxLimit     = 50
	sampleLimit  = 5
)

type tools struct {
	reader  Reader
	samples bool
	log     *slog.Logger
}

// New makes a server whose tools read.
func New(r Reader, o Options) *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "pipelines", Title: "Data pipelines", Version: o.Version}, &sdk.ServerOptions{Instructions: instructions})
	t := &tools{reader: r, samples: o.Samples, log: o.Log}
	add(s, t, "list_pipelines", "Every pipeline: health, last run, lag, open incidents, records kept out, schedule.", t.pipelines)
	add(s, t, "list_runs", "Runs, newest first, with outcome and record counts.", t.runs)
	add(s, t, "get_run", "One run's whole report: offsets, records, drift, quality, failure, stages.", t.run)
	add(s, t, "explain_decision", "Why the agent did what it did in a run: conditions with their numbers, what was allowed and demanded, the proposal, the guard's verdict, what was executed and whether it helped. Give a decision's ID or a run's.", t.explain)
	add(s, t, "list_incidents", "Incidents, newest first.", t.incidents)
	add(s, t, "get_incident", "One incident with its timeline, by its ID or a unique beginning of it.", t.incident)
	add(s, t, "list_quarantine", "What is kept out of the tables, by batch; with a batch's ID also how many records have which reason.", t.quarantine)
	add(s, t, "get_policy", "A pipeline's policy: the thresholds and budgets that bound the agent.", t.policy)
	add(s, t, "quality_of_run", "A run's quality results by expectation, without values.", t.quality)
	add(s, t, "audit_verify", "Hold a pipeline's decision log against its chain of hashes. It doesn't show a tail that was cut off; starter audit verify does.", t.verify)
	return s
}

// add registers a tool. What it answers is bounded and marked as data.
func add[In any](s *sdk.Server, t *tools, name, description string, ask func(context.Context, In) (words []string, v any, err error)) {
	closed := false
	sdk.AddTool(s, &sdk.Tool{
		Name: name, Description: description,
		Annotations: &sdk.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, DestructiveHint: &closed, OpenWorldHint: &closed},
	}, func(ctx context.Context, _ *sdk.CallToolRequest, in In) (*sdk.CallToolResult, any, error) {
		words, v, err := ask(ctx, in)
		if err != nil {
			t.log.Warn("answer an assistant", "tool", name, "error", err)
			return nil, nil, told(err)
		}
		return answer(words, v)
	})
}

type nothing struct{}

type runsInput struct {
	Pipeline string `json:"pipeline,omitempty" jsonschema:"only this pipeline's"`
	Outcome  string `json:"outcome,omitempty" jsonschema:"succeeded, remediated, held, idle, superseded or failed"`
	Limit    int    `json:"limit,omitempty" jsonschema:"1 to 50, default 10"`
}

type runInput struct {
	Run string `json:"run" jsonschema:"the run's ID"`
}

type incidentsInput struct {
	Pipeline   string `json:"pipeline,omitempty" jsonschema:"only this pipeline's"`
	Unresolved bool   `json:"unresolved,omitempty" jsonschema:"only those that nobody has resolved"`
	Limit      int    `json:"limit,omitempty" jsonschema:"1 to 50, default 10"`
}

type incidentInput struct {
	Incident string `json:"incident" jsonschema:"the incident's ID, or a unique beginning of it"`
}

type quarantineInput struct {
	Pipeline string `json:"pipeline,omitempty" jsonschema:"only this pipeline's; needed with a batch"`
	Batch    string `json:"batch,omitempty" jsonschema:"a batch's ID: also count its reasons"`
	Limit    int    `json:"limit,omitempty" jsonschema:"1 to 50, default 10"`
}

type pipelineInput struct {
	Pipeline string `json:"pipeline" jsonschema:"the pipeline's name"`
}

func limit(n int) (int, error) {
	switch {
	case n == 0:
		return defaultLimit, nil
	case n < 0 || n > maxLimit:
		return 0, pipeline.Faultf(pipeline.BadData, "limit %d is not within 1 and %d", n, maxLimit)
	}
	return n, nil
}

func (t *tools) pipelines(ctx context.Context, _ nothing) ([]string, any, error) {
	all, err := t.reader.Standings(ctx)
	for i := range all {
		all[i].LastRun = brief(all[i].LastRun)
	}
	return nil, all, err
}

// brief is a report without its lists.
func brief(r *pipeline.RunReport) *pipeline.RunReport {
	if r == nil {
		return nil
	}
	b := *r
	b.Stages, b.Drift, b.Quality.Segments, b.Source.Ranges, b.Source.Gaps = nil, nil, nil, nil, nil
	return &b
}

func (t *tools) runs(ctx context.Context, in runsInput) ([]string, any, error) {
	outcomes := []pipeline.Outcome{"", pipeline.Succeeded, pipeline.Remediated, pipeline.Held, pipeline.Idle, pipeline.SupersededRun, pipeline.Failed}
	if !slices.Contains(outcomes, pipeline.Outcome(in.Outcome)) {
		return nil, nil, pipeline.Faultf(pipeline.BadData, "outcome %q is none of %v", in.Outcome, outcomes[1:])
	}
	n, err := limit(in.Limit)
	if err != nil {
		return nil, nil, err
	}
	all, err := t.reader.Runs(ctx, ops.RunQuery{Pipeline: in.Pipeline, Outcome: pipeline.Outcome(in.Outcome), Limit: n})
	for i := range all {
		all[i] = *brief(&all[i])
	}
	return nil, all, err
}

func (t *tools) run(ctx context.Context, in runInput) ([]string, any, error) {
	r, err := t.reader.Run(ctx, in.Run)
	return nil, r, err
}

func (t *tools) incidents(ctx context.Context, in incidentsInput) ([]string, any, error) {
	n, err := limit(in.Limit)
	if err != nil {
		return nil, nil, err
	}
	all, err := t.reader.Incidents(ctx, ops.IncidentQuery{Pipeline: in.Pipeline, Unresolved: in.Unresolved, Limit: n})
	for i := range all {
		all[i].Timeline = nil // get_incident has it
	}
	return nil, all, err
}

func (t *tools) incident(ctx context.Context, in incidentInput) ([]string, any, error) {
	i, err := t.reader.Incident(ctx, in.Incident)
	return nil, i, err
}

// kept is an entry of the quarantine, without its files.
type kept struct {
	Pipeline string      `json:"pipeline,omitempty"`
	Batch    string      `json:"batch_id"`
	Run      string      `json:"run_id"`
	Status   sink.Status `json:"status"`
	At       string      `json:"at"`
	Records  int64       `json:"records"`

	Reasons  []console.ReasonCount `json:"reasons,omitempty"` // of one batch alone
	Complete *bool                 `json:"complete,omitempty"`
	Samples  []console.Record      `json:"samples,omitempty"`
}

func (t *tools) quarantine(ctx context.Context, in quarantineInput) ([]string, any, error) {
	if in.Batch != "" {
		return t.batch(ctx, in)
	}
	n, err := limit(in.Limit)
	if err != nil {
		return nil, nil, err
	}
	all, err := t.reader.Quarantine(ctx, in.Pipeline)
	if err != nil {
		return nil, nil, err
	}
	slices.Reverse(all) // newest first
	out := struct {
		Batches int    `json:"batches"`
		Records int64  `json:"records"`
		Newest  []kept `json:"newest"`
	}{Batches: len(all), Newest: []kept{}}
	for i, e := range all {
		if out.Records += e.Records; i < n {
			out.Newest = append(out.Newest, keptOf(e))
		}
	}
	return nil, out, nil
}

func keptOf(e sink.Entry) kept {
	return kept{Pipeline: e.Batch.Pipeline, Batch: e.BatchID, Run: e.RunID, Status: e.Status, At: e.At.UTC().Format("2006-01-02T15:04:05Z"), Records: e.Records}
}

func (t *tools) batch(ctx context.Context, in quarantineInput) ([]string, any, error) {
	if in.Pipeline == "" {
		return nil, nil, pipeline.Faultf(pipeline.BadData, "look into batch %s: say which pipeline's it is", in.Batch)
	}
	page, err := t.reader.Records(ctx, in.Pipeline, in.Batch, console.RecordQuery{Limit: sampleLimit})
	if err != nil {
		return nil, nil, err
	}
	k := keptOf(page.Entry)
	k.Reasons, k.Complete = page.Reasons, &page.Complete
	if t.samples {
		k.Samples = page.Records
	}
	return nil, k, nil
}

func (t *tools) policy(_ context.Context, in pipelineInput) ([]string, any, error) {
	p, err := t.reader.Policy(in.Pipeline)
	return nil, p, err
}

// quality gives what was expected and how often it wasn't so; the values that
// broke a rule are records' own.
func (t *tools) quality(ctx context.Context, in runInput) ([]string, any, error) {
	b, err := t.reader.QualityResults(ctx, in.Run)
	if err != nil {
		return nil, nil, err
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, nil, fmt.Errorf("read the quality results of run %s: %w", in.Run, pipeline.Faultf(pipeline.BadData, "they are no JSON object: %w", err))
	}
	return nil, withoutValues(doc), nil
}

func withoutValues(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withoutValues(v[i])
		}
	case map[string]any:
		for _, k := range []string{"partial_unexpected_list", "partial_unexpected_counts", "partial_unexpected_index_list", "unexpected_list", "unexpected_index_list"} {
			delete(v, k)
		}
		for k := range v {
			v[k] = withoutValues(v[k])
		}
	}
	return v
}

func (t *tools) verify(_ context.Context, in pipelineInput) ([]string, any, error) {
	p, err := t.reader.Prove(in.Pipeline)
	return nil, map[string]any{"ok": len(p.Problems) == 0, "entries": p.Entries, "head": p.Head, "problems": p.Problems}, err
}
