package pages

import (
	"context"
	"net/http"
	"slices"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// stripRuns is how many of the last runs a pipeline's strip and trend show.
const stripRuns = 40

// pipelineView is a pipeline's standing with its last runs, oldest first.
type pipelineView struct {
	console.Standing
	Runs  []pipeline.RunReport
	Sum   pipeline.Records // of those runs
	Trend chart            // failing share by run
	Late  chart            // late share by run
}

type overviewPage struct {
	Pipelines []pipelineView
	Incidents []ops.Incident
	Runs      []pipeline.RunReport // newest first, of all
}

func (p *Site) overview(w http.ResponseWriter, r *http.Request) {
	standings, err := p.desk.Standings(r.Context())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	var page overviewPage
	for _, s := range standings {
		v, err := p.pipelineView(r.Context(), s)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		page.Pipelines = append(page.Pipelines, v)
	}
	if page.Incidents, err = p.desk.Ops.Incidents(r.Context(), ops.IncidentQuery{Unresolved: true, Limit: 20}); err != nil {
		p.fail(w, r, err)
		return
	}
	if page.Runs, err = p.desk.Ops.Runs(r.Context(), ops.RunQuery{Limit: 12}); err != nil {
		p.fail(w, r, err)
		return
	}
	p.show(w, r, http.StatusOK, "overview", "Overview", page)
}

func (p *Site) pipelineView(ctx context.Context, s console.Standing) (pipelineView, error) {
	v := pipelineView{Standing: s}
	runs, err := p.desk.Ops.Runs(ctx, ops.RunQuery{Pipeline: s.Pipeline, Limit: stripRuns})
	if err != nil {
		return v, err
	}
	slices.Reverse(runs)
	v.Runs = runs
	var failing, late []float64
	for _, r := range runs {
		v.Sum.Read += r.Records.Read
		v.Sum.Loaded += r.Records.Loaded
		v.Sum.Quarantined += r.Records.Quarantined
		v.Sum.Held += r.Records.Held
		if r.Records.Read > 0 {
			failing, late = append(failing, r.Quality.Share), append(late, r.Late.Share)
		}
	}
	v.Trend, v.Late = sparkline(failing, 0.05), sparkline(late, 0.15)
	return v, nil
}

type pipelinePage struct {
	pipelineView
	Incidents []ops.Incident
	Schemas   int // versions
}

func (p *Site) pipeline(w http.ResponseWriter, r *http.Request) {
	s, err := p.desk.Standing(r.Context(), r.PathValue("name"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	var page pipelinePage
	if page.pipelineView, err = p.pipelineView(r.Context(), s); err != nil {
		p.fail(w, r, err)
		return
	}
	if page.Incidents, err = p.desk.Ops.Unresolved(r.Context(), s.Pipeline); err != nil {
		p.fail(w, r, err)
		return
	}
	versions, err := p.desk.Ops.Schemas(r.Context(), s.Pipeline)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page.Schemas = len(versions)
	p.show(w, r, http.StatusOK, "pipeline", s.Pipeline, page)
}

func (p *Site) startRun(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	started, err := p.desk.Run(r.Context(), access.From(r.Context()).Person, name, r.PostFormValue("key"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.done(w, r, "/pipelines/"+name, "Run "+started.RunID+" has started.")
}

func (p *Site) setPaused(w http.ResponseWriter, r *http.Request) {
	name, pause := r.PathValue("name"), r.PostFormValue("do") == "pause"
	if err := p.desk.SetPaused(r.Context(), access.From(r.Context()).Person, name, pause, r.PostFormValue("note")); err != nil {
		p.fail(w, r, err)
		return
	}
	p.done(w, r, "/pipelines/"+name, map[bool]string{true: "The schedule is paused.", false: "The schedule goes on."}[pause])
}
