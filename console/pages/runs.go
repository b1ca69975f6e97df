package pages

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// pageRuns is how many runs a page lists.
const pageRuns = 50

type runsPage struct {
	Pipelines []string
	Outcomes  []pipeline.Outcome
	Pipeline  string
	Outcome   string
	Runs      []pipeline.RunReport
	Next      string // address of the next page
	Running   []console.Running
}

// outcomes are those that runs can be picked by.
var outcomes = []pipeline.Outcome{pipeline.Succeeded, pipeline.Remediated, pipeline.Held, pipeline.Failed, pipeline.Idle, pipeline.SupersededRun}

func (p *Site) runs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := runsPage{Outcomes: outcomes, Pipeline: q.Get("pipeline"), Outcome: q.Get("outcome")}
	var err error
	if page.Pipelines, err = p.desk.Config.Names(); err != nil {
		p.fail(w, r, err)
		return
	}
	page.Runs, err = p.desk.Ops.Runs(r.Context(), ops.RunQuery{
		Pipeline: page.Pipeline, Outcome: pipeline.Outcome(page.Outcome), Before: q.Get("before"), Limit: pageRuns + 1,
	})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if len(page.Runs) > pageRuns {
		page.Runs = page.Runs[:pageRuns]
		next := url.Values{"pipeline": {page.Pipeline}, "outcome": {page.Outcome}, "before": {page.Runs[pageRuns-1].RunID}}
		page.Next = "/runs?" + next.Encode()
	}
	if q.Get("before") == "" {
		page.Running = p.running(r.Context(), page.Pipelines, page.Pipeline)
	}
	p.show(w, r, http.StatusOK, "runs", "Runs", page)
}

// running lists what is in flight, as far as Temporal can be asked.
func (p *Site) running(ctx context.Context, names []string, only string) []console.Running {
	var all []console.Running
	for _, n := range names {
		if only != "" && n != only {
			continue
		}
		live, err := p.desk.Temporal.Running(ctx, n)
		if err != nil {
			p.Log.Warn("list the runs in flight", "pipeline", n, "error", err)
			return all
		}
		all = append(all, live...)
	}
	return all
}

type runPage struct {
	pipeline.RunReport
	Timeline  []bar
	Decisions []decided
	Incident  *ops.Incident
	Quality   bool // there are quality results
}

// decided is a decision with what came of it.
type decided struct {
	agent.Decision
	Executed *agent.Executed
}

func (p *Site) run(w http.ResponseWriter, r *http.Request) {
	report, err := p.desk.Ops.Run(r.Context(), r.PathValue("id"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := runPage{RunReport: report, Timeline: timeline(report), Quality: report.Quality.Results != ""}
	if page.Decisions, err = p.decisionsOf(r.Context(), report); err != nil {
		p.fail(w, r, err)
		return
	}
	if report.Incident != "" {
		if i, err := p.desk.Ops.Incident(r.Context(), report.Incident); err == nil {
			page.Incident = &i
		}
	}
	p.show(w, r, http.StatusOK, "run", "Run of "+report.Pipeline, page)
}

// decisionsOf are a run's decisions with what was executed and verified, from
// the decision log.
func (p *Site) decisionsOf(ctx context.Context, r pipeline.RunReport) ([]decided, error) {
	all, err := p.desk.Ops.DecisionsOf(ctx, r.RunID)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(all))
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	done := map[string]*agent.Executed{}
	if entries, err := p.desk.LogAbout(r.Pipeline, ids...); err != nil {
		p.Log.Warn("read what was executed", "run", r.RunID, "error", err) // the decisions themselves are there
	} else {
		for _, e := range entries {
			var x agent.Executed
			if e.Kind == agent.KindExecuted && json.Unmarshal(e.Body, &x) == nil {
				done[x.Decision] = &x
			}
		}
	}
	out := make([]decided, 0, len(all))
	for _, d := range all {
		out = append(out, decided{d, done[d.ID]})
	}
	return out, nil
}

// Refused are the actions that the matrix allowed and the decision didn't take.
func (d decided) Refused() string {
	var out []string
	for _, a := range d.Allowed {
		if _, taken := d.Find(a); !taken {
			out = append(out, string(a))
		}
	}
	return strings.Join(out, ", ")
}
