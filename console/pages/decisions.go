package pages

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// statsSince is how far back a page counts.
const statsSince = 30 * 24 * time.Hour

type decisionsPage struct {
	Pipelines []string
	Pipeline  string
	Decisions []agent.Decision
	Figures   []figures
}

// figures are how one pipeline's decisions do.
type figures struct {
	Pipeline string
	agent.Stats
	Problem string // the log is broken
}

func (p *Site) decisions(w http.ResponseWriter, r *http.Request) {
	page := decisionsPage{Pipeline: r.URL.Query().Get("pipeline")}
	var err error
	if page.Pipelines, err = p.desk.Config.Names(); err != nil {
		p.fail(w, r, err)
		return
	}
	if page.Decisions, err = p.desk.Ops.Decisions(r.Context(), page.Pipeline, 100); err != nil {
		p.fail(w, r, err)
		return
	}
	for _, name := range page.Pipelines {
		if page.Pipeline != "" && name != page.Pipeline {
			continue
		}
		f := figures{Pipeline: name}
		if f.Stats, err = p.desk.Stats(name, p.desk.Now().Add(-statsSince)); err != nil {
			f.Problem = err.Error()
		}
		page.Figures = append(page.Figures, f)
	}
	p.show(w, r, http.StatusOK, "decisions", "Decisions", page)
}

// Of is a part of a whole in words.
func (figures) Of(n, whole int) string {
	if whole == 0 {
		return "–"
	}
	return count(n) + " of " + count(whole) + " (" + share(float64(n)/float64(whole)) + ")"
}

// Worked counts the remedies that were looked at, and those that helped.
func (f figures) Worked() string {
	worked, checked := 0, 0
	for _, r := range f.Remedies {
		worked, checked = worked+r.Worked, checked+r.Checked
	}
	return f.Of(worked, checked)
}

// Fallbacks counts the decisions that were left to a proposer, and those that
// rules had to take over.
func (f figures) Fallbacks() string {
	asked, fell := 0, 0
	for _, s := range f.Proposers {
		asked, fell = asked+s.Asked, fell+s.Fallbacks
	}
	return f.Of(fell, asked)
}

// Agreed is how often people answered as they were advised.
func (f figures) Agreed() string { return f.Of(f.Advice.Agreed, f.Advice.Advised) }

type decisionPage struct {
	agent.Recorded
	Executed *agent.Executed
	Shadows  []agent.Shadow
	Answer   *pipeline.Resolution
	Facts    string // as JSON
	Policy   string // as JSON
	Same     string // how the decision made again compares
	Differs  []string
}

func (p *Site) decision(w http.ResponseWriter, r *http.Request) {
	rec, err := p.desk.Recorded(r.Context(), r.PathValue("id"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := decisionPage{Recorded: rec, Facts: indented(rec.Facts), Policy: indented(rec.Policy)}
	entries, err := p.desk.LogAbout(rec.Decision.Pipeline, rec.Decision.ID)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for _, e := range entries {
		page.take(e)
	}
	again, err := rec.Replay(r.Context())
	switch {
	case err != nil:
		page.Differs = []string{err.Error()}
	case len(again.Differences) == 0:
		page.Same = "Made again from what was recorded, it is the same, to the byte."
	default:
		for _, d := range again.Differences {
			page.Differs = append(page.Differs, text(d))
		}
	}
	p.show(w, r, http.StatusOK, "decision", "Decision on "+rec.Decision.Pipeline, page)
}

func (d *decisionPage) take(e agent.Entry) {
	switch e.Kind {
	case agent.KindExecuted:
		var x agent.Executed
		if json.Unmarshal(e.Body, &x) == nil {
			d.Executed = &x
		}
	case agent.KindShadow:
		var s agent.Shadow
		if json.Unmarshal(e.Body, &s) == nil {
			d.Shadows = append(d.Shadows, s)
		}
	case agent.KindAnswer:
		var a pipeline.Resolution
		if json.Unmarshal(e.Body, &a) == nil {
			d.Answer = &a
		}
	}
}

// Took reports whether the decision took an action.
func (d decisionPage) Took(a agent.Action) bool {
	_, ok := d.Decision.Find(a)
	return ok
}

// Must reports whether the matrix demanded it.
func (d decisionPage) Must(a agent.Action) bool { return slices.Contains(d.Decision.Mandatory, a) }

func indented(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// sortedCounts lists names by how often they came.
func sortedCounts(of map[string]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, words(k)+" "+count(of[k]))
	}
	return strings.Join(parts, ", ")
}
