package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// trendAge is how far back the trends of incidents go.
const trendAge = 26 * 7 * 24 * time.Hour

// maxTold is how many messages an incident's page lists.
const maxTold = 50

func (p *Site) incidentRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /incidents", p.incidents)
	mux.HandleFunc("GET /incidents/{id}", p.incident)
	mux.HandleFunc("POST /incidents/{id}/acknowledge", p.acknowledge)
	mux.HandleFunc("POST /incidents/{id}/preview", p.previewIncident)
	mux.HandleFunc("POST /incidents/{id}/answer", p.answerIncident)
}

type incidentsPage struct {
	Pipelines  []string
	Statuses   []string
	Severities []string
	Pipeline   string
	Status     string // empty: those that nobody has resolved
	Severity   string
	Cause      string
	Incidents  []ops.Incident
	Next       string // address of the next page
	Trends     ops.Trends
	Causes     []causeTrend
}

// causeTrend is one condition with its bars by week.
type causeTrend struct {
	ops.CauseTrend
	Bars bars
}

func (p *Site) incidents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := incidentsPage{
		Statuses: []string{string(ops.Opened), string(ops.Acknowledged), string(ops.Resolved), "all"}, Severities: []string{"critical", "warning", "info"},
		Pipeline: q.Get("pipeline"), Status: q.Get("status"), Severity: q.Get("severity"), Cause: q.Get("cause"),
	}
	var err error
	if page.Pipelines, err = p.desk.Config.Names(); err != nil {
		p.fail(w, r, err)
		return
	}
	ask := ops.IncidentQuery{Pipeline: page.Pipeline, Severity: page.Severity, Cause: page.Cause, Before: q.Get("before"), Limit: pageRuns + 1}
	switch page.Status {
	case "":
		ask.Unresolved = true
	case "all":
	default:
		ask.Status = ops.IncidentStatus(page.Status)
	}
	if page.Incidents, err = p.desk.Ops.Incidents(r.Context(), ask); err != nil {
		p.fail(w, r, err)
		return
	}
	if len(page.Incidents) > pageRuns {
		page.Incidents = page.Incidents[:pageRuns]
		page.Next = "/incidents?" + url.Values{
			"pipeline": {page.Pipeline}, "status": {page.Status}, "severity": {page.Severity}, "cause": {page.Cause},
			"before": {page.Incidents[pageRuns-1].ID},
		}.Encode()
	}
	now := p.desk.Now()
	if page.Trends, err = p.desk.Ops.Trends(r.Context(), ops.TrendQuery{Pipeline: page.Pipeline, Since: now.Add(-trendAge), Until: now}); err != nil {
		p.fail(w, r, err)
		return
	}
	for _, c := range page.Trends.Causes {
		page.Causes = append(page.Causes, causeTrend{c, barsOf(c.ByWeek)})
	}
	p.show(w, r, http.StatusOK, "incidents", "Incidents", page)
}

type incidentPage struct {
	ops.Incident
	Escalation string // its workflow's ID
	Run        *pipeline.RunReport
	Decisions  []decided
	Runbooks   []runbook
	Told       []ops.Delivery // newest first
	Outside    []sink.Entry   // what an answer settles
	Problems   []string       // what couldn't be looked at
	Form       answerForm
}

// runbook is where to read what to do about a condition.
type runbook struct{ Condition, Address string }

// Waits reports whether nobody has resolved it.
func (i incidentPage) Waits() bool { return i.Status != ops.Resolved }

func (p *Site) incident(w http.ResponseWriter, r *http.Request) {
	p.showIncident(w, r, http.StatusOK, r.PathValue("id"), answerForm{})
}

// showIncident shows one with its form as it was filled in. A fresh form takes
// the advice.
func (p *Site) showIncident(w http.ResponseWriter, r *http.Request, status int, id string, form answerForm) {
	i, err := p.desk.Ops.Incident(r.Context(), id)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := incidentPage{Incident: i, Escalation: workflows.EscalationID(i.Pipeline, i.ID), Form: form}
	for _, c := range i.Conditions() {
		if a := p.desk.Config.Runbook(c); a != "" {
			page.Runbooks = append(page.Runbooks, runbook{c, a})
		}
	}
	if run, err := p.desk.Ops.Run(r.Context(), i.RunID); err == nil {
		page.Run = &run
		if page.Decisions, err = p.decisionsOf(r.Context(), run); err != nil {
			p.fail(w, r, err)
			return
		}
	}
	if page.Told, err = p.desk.Ops.Deliveries(r.Context(), i.Pipeline, i.ID, maxTold); err != nil {
		p.fail(w, r, err)
		return
	}
	whole := p.lookOutside(r.Context(), &page)
	page.Form.prepare("/incidents/"+i.ID, incidentChoices(page, whole), i)
	p.show(w, r, status, "incident", i.Title, page)
}

// lookOutside finds what an answer would settle. Of what can't be looked at the
// page says why, and shows the rest.
func (p *Site) lookOutside(ctx context.Context, page *incidentPage) (whole bool) {
	if !page.Waits() {
		return true
	}
	batches, err := p.desk.Ops.BatchesOf(ctx, page.ID)
	var entries []sink.Entry
	if err == nil && len(batches) > 0 {
		entries, err = p.desk.Quarantine(ctx, page.Pipeline)
	}
	if err != nil {
		_, why := problem.Of(err)
		page.Problems = append(page.Problems, "What is outside the table can't be told: "+why)
	}
	for _, e := range entries {
		if slices.Contains(batches, e.BatchID) {
			page.Outside = append(page.Outside, e)
		}
	}
	return err == nil
}

// incidentChoices are the answers that make sense: with nothing outside the
// table there is nothing to move, and a held batch can't be left without an
// answer.
func incidentChoices(page incidentPage, whole bool) []string {
	var out []string
	if len(page.Outside) > 0 || page.Hold || !whole {
		out = append(out, pipeline.Release, pipeline.Replay, pipeline.Discard)
	}
	if !page.Hold {
		out = append(out, pipeline.Close)
	}
	return out
}

func (p *Site) acknowledge(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	err := p.desk.Acknowledge(r.Context(), access.From(r.Context()).Person, id, r.PostFormValue("comment"))
	if errors.Is(err, console.ErrConflict) {
		p.showIncident(w, r, http.StatusConflict, id, answerForm{Problem: err.Error()})
		return
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.done(w, r, "/incidents/"+url.PathEscape(id), "Acknowledged: others see that you are on it.")
}

func (p *Site) previewIncident(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	form, answer, err := readAnswer(r)
	if err == nil && form.wantsPreview() {
		var i ops.Incident
		if i, err = p.desk.Ops.Incident(r.Context(), id); err == nil {
			err = form.preview(p.desk.Preview(r.Context(), i.Pipeline, i.BatchID, i.ID, answer))
		}
	}
	if err != nil && !form.takes(err) {
		p.fail(w, r, err)
		return
	}
	if p.showPreview(w, r, "incident", form) {
		return
	}
	p.showIncident(w, r, http.StatusOK, id, form)
}

func (p *Site) answerIncident(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	form, answer, err := readAnswer(r)
	if err == nil {
		err = form.confirmed()
	}
	var res pipeline.Resolution
	if err == nil {
		res, err = p.desk.Answer(r.Context(), access.From(r.Context()).Person, id, answer)
	}
	switch {
	case err == nil:
		p.done(w, r, "/incidents/"+url.PathEscape(id), resolutionText(res))
	case form.takes(err):
		status, _ := problem.Of(err)
		p.showIncident(w, r, status, id, form)
	default:
		p.fail(w, r, err)
	}
}

// resolutionText says what an answer has done.
func resolutionText(res pipeline.Resolution) string {
	text := "Answered: " + res.Resolution + "."
	if n := res.Records; n.Read > 0 {
		text += " Of " + count(n.Read) + " records outside the table " + count(n.Loaded) + " were loaded, " + count(n.Quarantined+n.Held) + " stay out."
	}
	return text
}
