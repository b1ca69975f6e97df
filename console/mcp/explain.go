package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

type explainInput struct {
	Decision string `json:"decision,omitempty" jsonschema:"the decision's ID"`
	Run      string `json:"run,omitempty" jsonschema:"or the run's ID: all its decisions are explained"`
}

// explanation is a decision, and what came of it.
type explanation struct {
	Decision agent.Decision       `json:"decision"`
	Policy   *agent.Policy        `json:"policy,omitempty"` // as it stood
	Executed *agent.Executed      `json:"executed,omitempty"`
	Answer   *pipeline.Resolution `json:"answer,omitempty"`
}

func (t *tools) explain(ctx context.Context, in explainInput) ([]string, any, error) {
	if (in.Decision == "") == (in.Run == "") {
		return nil, nil, pipeline.Faultf(pipeline.BadData, "explain a decision: give its ID, or its run's, and not both")
	}
	ids := []string{in.Decision}
	if in.Run != "" {
		all, err := t.reader.DecisionsOf(ctx, in.Run)
		if err != nil {
			return nil, nil, err
		}
		if len(all) == 0 {
			return nil, nil, fmt.Errorf("explain the decisions of run %q: %w: it decided nothing, or the ID is wrong", in.Run, ops.ErrNotFound)
		}
		ids = nil
		for _, d := range all {
			ids = append(ids, d.ID)
		}
	}
	var words []string
	var out []explanation
	for _, id := range ids {
		e, err := t.explanation(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		words, out = append(words, e.words()...), append(out, e)
	}
	return words, out, nil
}

func (t *tools) explanation(ctx context.Context, id string) (explanation, error) {
	rec, err := t.reader.Recorded(ctx, id)
	if err != nil {
		return explanation{}, err
	}
	e := explanation{Decision: rec.Decision, Policy: &rec.Policy}
	e.Decision.Proposal.Raw = nil // what a model wrote; the choice stands beside it
	entries, err := t.reader.LogAbout(rec.Decision.Pipeline, id)
	if err != nil {
		return e, err
	}
	for _, entry := range entries {
		var executed agent.Executed
		var answered pipeline.Resolution
		switch {
		case entry.Kind == agent.KindExecuted && json.Unmarshal(entry.Body, &executed) == nil:
			e.Executed = &executed
		case entry.Kind == agent.KindAnswer && json.Unmarshal(entry.Body, &answered) == nil:
			e.Answer = &answered
		}
	}
	return e, nil
}

// words say it in sentences. Each is cut: names and values in them are data.
func (e explanation) words() []string {
	d := e.Decision
	out := []string{fmt.Sprintf("Decision %s on run %s of %s: %s", d.ID, d.RunID, d.Pipeline, text(d.Summary))}
	for _, c := range d.Conditions {
		out = append(out, text(fmt.Sprintf("It met %s: %s.", c.Name, numbers(c.Evidence))))
	}
	out = append(out,
		fmt.Sprintf("The matrix allowed %s, and demanded %s.", actions(d.Allowed), actions(d.Mandatory)),
		text(fmt.Sprintf("%s proposed %s.", d.Proposal.By, planned(d.Proposal.Actions))),
	)
	if d.Fallback == "" {
		out = append(out, "The guard let it through.")
	} else {
		out = append(out, text("It was not used, and rules decided instead: "+d.Fallback))
	}
	for _, a := range d.Actions {
		out = append(out, text(fmt.Sprintf("Decided: %s, because %s", a.Action, a.Reason)))
	}
	return append(out, e.outcome()...)
}

func (e explanation) outcome() []string {
	if e.Executed == nil {
		return []string{"What came of it is not recorded yet."}
	}
	var out []string
	for _, a := range e.Executed.Done {
		out = append(out, text(fmt.Sprintf("Executed: %s, %s.", a.Action, a.Outcome)))
	}
	if len(e.Executed.Verified) == 0 {
		out = append(out, "Reading back found nothing wrong.")
	}
	for _, v := range e.Executed.Verified {
		out = append(out, text("Reading back found: "+v))
	}
	for _, c := range e.Executed.Checks {
		out = append(out, text(fmt.Sprintf("%s worked: %t; %s", c.Action, c.Worked, c.Shows)))
	}
	if e.Answer != nil {
		out = append(out, text(fmt.Sprintf("%s answered: %s. %s", e.Answer.By, e.Answer.Resolution, e.Answer.Comment)))
	}
	return out
}

// numbers are a condition's evidence, by name.
func numbers(evidence map[string]any) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(evidence)) {
		b, err := json.Marshal(evidence[k])
		if err == nil {
			parts = append(parts, k+" "+string(b))
		}
	}
	return strings.Join(parts, ", ")
}

func actions(all []agent.Action) string {
	if len(all) == 0 {
		return "nothing"
	}
	var parts []string
	for _, a := range all {
		parts = append(parts, string(a))
	}
	return strings.Join(parts, ", ")
}

func planned(all []agent.Planned) string {
	var parts []agent.Action
	for _, p := range all {
		parts = append(parts, p.Action)
	}
	return actions(parts)
}
