package pages

import (
	"fmt"
	"net/http"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/console/access"
)

type policyPage struct {
	*config.Pipeline
	Matrix []matrixRow
	Switch agent.Switch
}

// matrixRow is one line of the decision matrix, with this pipeline's numbers.
type matrixRow struct {
	Condition agent.Condition
	When      string
	Does      string
}

func (p *Site) policy(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("pipeline")
	err := p.desk.Declared(name)
	var page policyPage
	if err == nil {
		page.Pipeline, err = p.desk.Config.Load(name, p.desk.Env)
	}
	if err == nil {
		page.Switch, err = p.desk.Ops.Switch(r.Context(), name)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page.Matrix = matrix(page.Policy)
	p.show(w, r, http.StatusOK, "policy", "Policy of "+name, page)
}

// matrix is the decision matrix in words, in the order in which conditions are
// looked for.
func matrix(p agent.Policy) []matrixRow {
	rows := []matrixRow{
		{agent.SchemaDriftAdditive, fmt.Sprintf("a new field in at least %s of the records", share(p.Drift.MinShare)),
			fmt.Sprintf("remap; more than %d new fields in a batch, or %d remaps in a day, escalate", p.Drift.MaxNewFields, p.Drift.MaxRemaps)},
		{agent.SchemaDriftBreaking, fmt.Sprintf("another type, or a required field missing, in at least %s", share(p.Drift.MinShare)), "quarantine what doesn't conform, escalate"},
		{agent.LateArrivalsMinor, "late records, below " + share(p.LateMajor), "load, flagged; retrigger"},
		{agent.LateArrivalsMajor, "late records, from " + share(p.LateMajor), "load, flagged; escalate"},
		{agent.DQFailuresMinor, "failing records, below " + share(p.DQMajor), "log, load"},
		{agent.DQFailuresLocalized, fmt.Sprintf("at most %d values of a segment hold at least %s of the failing records, and at most %s of all", p.Localized.MaxValues, share(p.Localized.MinFailingShare), share(p.Localized.MaxRecordsShare)),
			"quarantine the failing records of those values, load the rest, notify"},
		{agent.DQFailuresMajor, "failing records, from " + share(p.DQMajor) + ", not localized", "hold the batch, escalate"},
		{agent.JobFailed, "a stage failed after its retries", fmt.Sprintf("retrigger after %s, doubling, at most %d in a row", p.Retrigger.Backoff, p.Retrigger.MaxChain)},
		{agent.RepeatedFailures, fmt.Sprintf("%d or more failed runs in a row", p.RepeatedFailures), "escalate, pause the schedule"},
		{agent.SourceGap, "offsets vanished before they were read", "escalate"},
		{agent.Healthy, "none of these", "load"},
	}
	for _, r := range p.Rules {
		row := matrixRow{Condition: r.Name, When: r.When}
		for i, t := range r.Then {
			if i > 0 {
				row.Does += ", "
			}
			row.Does += string(t.Action)
			if t.Hold {
				row.Does += " and hold"
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func (p *Site) turnSwitch(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("pipeline")
	turned, err := p.desk.TurnSwitch(r.Context(), access.From(r.Context()).Person, name, r.PostFormValue("do") == "stop", r.PostFormValue("reason"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.done(w, r, "/policy/"+name, map[bool]string{true: "The agent changes nothing by itself any more.", false: "The agent may act again, as far as policy allows."}[turned.On])
}
