package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// What the filters may be.
var (
	outcomes   = []string{string(pipeline.Succeeded), string(pipeline.Remediated), string(pipeline.Held), string(pipeline.Idle), string(pipeline.SupersededRun), string(pipeline.Failed)}
	severities = []string{"info", "warning", "critical"}
	statuses   = []string{string(ops.Opened), string(ops.Acknowledged), string(ops.Resolved)}
)

// Ready is the answer of a program that can answer.
type Ready struct {
	Status string `json:"status"` // ready
}

// DecisionWithFacts is a decision, and what it was made from.
type DecisionWithFacts struct {
	Decision agent.Decision  `json:"decision"`
	Facts    json.RawMessage `json:"facts"`
}

// ScheduleOf is a pipeline's schedule.
type ScheduleOf struct {
	Pipeline string `json:"pipeline"`
	console.Schedule
}

// document is a JSON object of a format that isn't ours to describe.
type document map[string]any

// How far figures look back where nobody says otherwise.
const (
	defaultWeeks = 12
	defaultDays  = 30
)

// healthLimit bounds the wait for each part.
const healthLimit = 5 * time.Second

// health asks each part something small. What is wrong with it is for the log:
// anybody may ask this.
func (a *API) health(q ask) (any, error) {
	ctx, cancel := context.WithTimeout(q.Context(), healthLimit)
	defer cancel()
	var down []string
	note := func(part string, err error) {
		if err != nil {
			down = append(down, part)
			a.log.Warn("answer the health check", "down", part, "error", err)
		}
	}
	_, err := a.desk.Ops.Runs(ctx, ops.RunQuery{Limit: 1})
	note("operations store", err)
	names, err := a.desk.Config.Names()
	note("pipeline files", err)
	if len(names) > 0 {
		_, err = a.desk.Temporal.Schedule(ctx, names[0])
		note("Temporal", err)
	}
	if len(down) > 0 {
		return nil, refuse(http.StatusServiceUnavailable, "down: %s; the log says why", strings.Join(down, ", "))
	}
	return Ready{"ready"}, nil
}

func (a *API) pipelines(q ask) (any, error) {
	all, err := a.desk.Standings(q.Context())
	return page[console.Standing]{Items: all}, err
}

func (a *API) pipeline(q ask) (any, error) {
	return a.desk.Standing(q.Context(), q.PathValue("pipeline"))
}

// limit is a page's, and one more, which says whether there is another page.
func (q ask) limit() int {
	if n := q.number("limit"); n > 0 {
		return n + 1
	}
	return defaultPage + 1
}

// paged cuts a list that was asked for with limit to its page.
func paged[T any](q ask, all []T, err error, id func(T) string) (any, error) {
	p := page[T]{Items: all}
	if n := q.limit() - 1; len(all) > n {
		p.Items, p.Next = all[:n], id(all[n-1])
	}
	return p, err
}

func (a *API) runs(q ask) (any, error) {
	all, err := a.desk.Ops.Runs(q.Context(), ops.RunQuery{
		Pipeline: q.query["pipeline"], Outcome: pipeline.Outcome(q.query["outcome"]), Before: q.query["after"], Limit: q.limit(),
	})
	return paged(q, all, err, func(r pipeline.RunReport) string { return r.RunID })
}

func (a *API) run(q ask) (any, error) { return a.desk.Ops.Run(q.Context(), q.PathValue("run")) }

// runFile gives a file that a run has left.
func runFile(name string) func(*API, ask) (any, error) {
	return func(a *API, q ask) (any, error) {
		b, err := a.desk.RunFile(q.Context(), q.PathValue("run"), name)
		return json.RawMessage(b), err
	}
}

func (a *API) runDecisions(q ask) (any, error) {
	id := q.PathValue("run")
	all, err := a.desk.Ops.DecisionsOf(q.Context(), id)
	if err == nil && len(all) == 0 { // a run that goes on has decided before it reports
		_, err = a.desk.Ops.Run(q.Context(), id)
	}
	return page[agent.Decision]{Items: all}, err
}

func (a *API) decisions(q ask) (any, error) {
	all, err := a.desk.Ops.OlderDecisions(q.Context(), q.query["pipeline"], q.query["after"], q.limit())
	return paged(q, all, err, func(d agent.Decision) string { return d.ID })
}

func (a *API) decision(q ask) (any, error) {
	d, facts, err := a.desk.Ops.Decision(q.Context(), q.PathValue("decision"))
	return DecisionWithFacts{d, facts}, err
}

func (a *API) incidents(q ask) (any, error) {
	all, err := a.desk.Ops.Incidents(q.Context(), ops.IncidentQuery{
		Pipeline: q.query["pipeline"], Status: ops.IncidentStatus(q.query["status"]), Unresolved: q.query["unresolved"] == "true", Severity: q.query["severity"], Cause: q.query["cause"], Before: q.query["after"], Limit: q.limit(),
	})
	return paged(q, all, err, func(i ops.Incident) string { return i.ID })
}

func (a *API) incident(q ask) (any, error) {
	return a.desk.Ops.Incident(q.Context(), q.PathValue("incident"))
}

func (a *API) trends(q ask) (any, error) {
	now := a.desk.Now()
	return a.desk.Ops.Trends(q.Context(), ops.TrendQuery{Pipeline: q.query["pipeline"], Since: now.AddDate(0, 0, -7*cmp.Or(q.number("weeks"), defaultWeeks)), Until: now})
}

func (a *API) stats(q ask) (any, error) {
	return a.desk.Stats(q.PathValue("pipeline"), a.desk.Now().AddDate(0, 0, -cmp.Or(q.number("days"), defaultDays)))
}

func (a *API) deliveries(q ask) (any, error) {
	all, err := a.desk.Ops.Deliveries(q.Context(), q.query["pipeline"], "", q.limit())
	return page[ops.Delivery]{Items: all}, err
}

func (a *API) quarantine(q ask) (any, error) {
	name := q.PathValue("pipeline")
	if err := a.desk.Declared(name); err != nil { // an empty name would be every pipeline's
		return nil, err
	}
	all, err := a.desk.Quarantine(q.Context(), name)
	return page[sink.Entry]{Items: all}, err
}

func (a *API) entry(q ask) (any, error) {
	return a.desk.Entry(q.Context(), q.PathValue("pipeline"), q.PathValue("batch"))
}

func (a *API) records(q ask) (any, error) {
	return a.desk.Records(q.Context(), q.PathValue("pipeline"), q.PathValue("batch"), console.RecordQuery{
		Reason: q.query["reason"], Field: q.query["field"], Text: q.query["text"], After: q.query["after"], Limit: q.number("limit"),
	})
}

func (a *API) schedules(q ask) (any, error) {
	names, err := a.desk.Config.Names()
	if err != nil {
		return nil, err
	}
	all := page[ScheduleOf]{Items: []ScheduleOf{}}
	for _, name := range names {
		s, err := a.desk.Temporal.Schedule(q.Context(), name)
		if err != nil {
			return nil, err
		}
		all.Items = append(all.Items, ScheduleOf{name, s})
	}
	return all, nil
}

func (a *API) schedule(q ask) (any, error) {
	name := q.PathValue("pipeline")
	if err := a.desk.Declared(name); err != nil {
		return nil, err
	}
	s, err := a.desk.Temporal.Schedule(q.Context(), name)
	return ScheduleOf{name, s}, err
}

func (a *API) schemas(q ask) (any, error) {
	name := q.PathValue("pipeline")
	if err := a.desk.Declared(name); err != nil {
		return nil, err
	}
	all, err := a.desk.Ops.Schemas(q.Context(), name)
	return page[ops.SchemaVersion]{Items: all}, err
}

func (a *API) policy(q ask) (any, error) {
	name := q.PathValue("pipeline")
	if err := a.desk.Declared(name); err != nil {
		return nil, err
	}
	p, err := a.desk.Config.Load(name, a.desk.Env)
	if err != nil {
		return nil, err
	}
	return p.Policy, nil
}
