package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

func (p *Site) quarantineRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /quarantine", p.quarantine)
	mux.HandleFunc("GET /quarantine/{pipeline}/{batch}", p.entry)
	mux.HandleFunc("POST /quarantine/{pipeline}/{batch}/preview", p.previewEntry)
	mux.HandleFunc("POST /quarantine/{pipeline}/{batch}/answer", p.settleEntry)
}

type quarantinePage struct {
	Pipelines []string
	Pipeline  string
	Entries   []entryView // newest first
	Records   int64       // of them all
	Problem   string      // a table that can't be read
}

// entryView is a batch's quarantine with whose it is.
type entryView struct {
	sink.Entry
	Incident *ops.Incident // that waits for an answer on it
}

// RejectRecords are its suspect and malformed records.
func (e entryView) RejectRecords() int64 { return pipeline.SumRows(e.Entry.Rejects) }

// CleanRecords are the clean records of a held batch.
func (e entryView) CleanRecords() int64 { return pipeline.SumRows(e.Entry.Held) }

func (p *Site) quarantine(w http.ResponseWriter, r *http.Request) {
	page := quarantinePage{Pipeline: r.URL.Query().Get("pipeline")}
	var err error
	if page.Pipelines, err = p.desk.Config.Names(); err != nil {
		p.fail(w, r, err)
		return
	}
	entries, err := p.desk.Quarantine(r.Context(), page.Pipeline)
	if errors.Is(err, ops.ErrNotFound) {
		p.fail(w, r, err)
		return
	}
	if err != nil {
		p.Log.Warn("look into quarantine", "pipeline", page.Pipeline, "error", err)
		_, page.Problem = problem.Of(err)
	}
	waiting, err := p.desk.Ops.Unresolved(r.Context(), page.Pipeline)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for _, e := range entries {
		page.Records += e.Records
		page.Entries = append(page.Entries, entryView{e, waitsFor(waiting, e)})
	}
	slices.SortStableFunc(page.Entries, func(a, b entryView) int { return b.At.Compare(a.At) })
	p.show(w, r, http.StatusOK, "quarantine", "Quarantine", page)
}

// waitsFor finds the incident whose answer settles an entry.
func waitsFor(waiting []ops.Incident, e sink.Entry) *ops.Incident {
	for _, i := range waiting {
		if i.Pipeline == e.Batch.Pipeline && (i.BatchID == e.BatchID || slices.Contains(i.Runs(), e.RunID)) {
			return &i
		}
	}
	return nil
}

type entryPage struct {
	entryView
	console.RecordPage
	Pipeline string
	Query    console.RecordQuery
	Filtered bool
	NextPage string
	Form     answerForm
}

func (p *Site) entry(w http.ResponseWriter, r *http.Request) {
	p.showEntry(w, r, http.StatusOK, answerForm{})
}

// showEntry shows a batch's records, and the form as it was filled in.
func (p *Site) showEntry(w http.ResponseWriter, r *http.Request, status int, form answerForm) {
	name, batchID, q := r.PathValue("pipeline"), r.PathValue("batch"), r.URL.Query()
	page := entryPage{Pipeline: name, Form: form}
	page.Query = console.RecordQuery{Reason: q.Get("reason"), Field: q.Get("field"), Text: q.Get("text"), After: q.Get("after")}
	page.Filtered = page.Query.Reason+page.Query.Field+page.Query.Text != ""
	var err error
	if page.RecordPage, err = p.desk.Records(r.Context(), name, batchID, page.Query); err != nil {
		p.fail(w, r, err)
		return
	}
	if page.Next != "" {
		page.NextPage = page.at(page.Query.Reason, page.Query.Field, page.Next)
	}
	waiting, err := p.desk.Ops.Unresolved(r.Context(), name)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page.entryView = entryView{page.RecordPage.Entry, waitsFor(waiting, page.RecordPage.Entry)}
	page.Form.prepare(page.address(), []string{pipeline.Replay, pipeline.Discard}, ops.Incident{})
	p.show(w, r, status, "batch", "Batch "+short(batchID)+" of "+name, page)
}

func (e entryPage) address() string {
	return "/quarantine/" + url.PathEscape(e.Pipeline) + "/" + url.PathEscape(e.RecordPage.Entry.BatchID)
}

// at is the address of the page with another filter, whatever the text.
func (e entryPage) at(reason, field, after string) string {
	v := url.Values{}
	for key, value := range map[string]string{"reason": reason, "field": field, "text": e.Query.Text, "after": after} {
		if value != "" {
			v.Set(key, value)
		}
	}
	return e.address() + "?" + v.Encode()
}

// Only is the address of the records with one reason.
func (e entryPage) Only(c console.ReasonCount) string { return e.at(c.Code, c.Field, "") }

// Address is the page without filters.
func (e entryPage) Address() string { return e.address() }

func (p *Site) previewEntry(w http.ResponseWriter, r *http.Request) {
	form, answer, err := readAnswer(r)
	if err == nil && form.wantsPreview() {
		err = form.preview(p.desk.Preview(r.Context(), r.PathValue("pipeline"), r.PathValue("batch"), "", answer))
	}
	if err != nil && !form.takes(err) {
		p.fail(w, r, err)
		return
	}
	if p.showPreview(w, r, "batch", form) {
		return
	}
	p.showEntry(w, r, http.StatusOK, form)
}

func (p *Site) settleEntry(w http.ResponseWriter, r *http.Request) {
	form, answer, err := readAnswer(r)
	if err == nil {
		err = form.confirmed()
	}
	var started console.Started
	if err == nil {
		started, err = p.settle(r.Context(), r.PathValue("pipeline"), r.PathValue("batch"), answer)
	}
	switch {
	case err == nil:
		p.done(w, r, "/quarantine?"+url.Values{"pipeline": {r.PathValue("pipeline")}}.Encode(),
			"The "+answer.Resolution+" of batch "+short(r.PathValue("batch"))+" has started: workflow "+started.WorkflowID+".")
	case form.takes(err):
		status, _ := problem.Of(err)
		p.showEntry(w, r, status, form)
	default:
		p.fail(w, r, err)
	}
}

// settle starts moving a batch's records.
func (p *Site) settle(ctx context.Context, name, batchID string, a pipeline.Answer) (console.Started, error) {
	if a.Resolution != pipeline.Replay && a.Resolution != pipeline.Discard {
		return console.Started{}, pipeline.Faultf(pipeline.BadData, "answer %q on batch %s: it must be replay or discard", a.Resolution, batchID)
	}
	if _, err := p.desk.Entry(ctx, name, batchID); err != nil {
		return console.Started{}, err
	}
	return p.desk.Settle(ctx, access.From(ctx).Person, name, batchID, a)
}
