package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// FailedExpectations are what facts keep of a results document.
func FailedExpectations(doc dq.Document) []FailedExpectation {
	var out []FailedExpectation
	for _, f := range doc.Failed() {
		out = append(out, FailedExpectation{
			Type: f.Type, Column: f.Column, Severity: f.Severity, RowLevel: f.RowLevel, UnexpectedPercent: f.UnexpectedPercent,
		})
	}
	return out
}

// FactsFromFiles reads facts from a run report, from quality results in Great
// Expectations' format, or from both; nil is absent. The documents may come
// from any producer: unknown fields are ignored, missing ones tolerated.
// Malformed JSON, impossible numbers and a document that is no report at all
// are a BadData fault: nothing to be seen is not the same as nothing wrong.
func FactsFromFiles(report, results []byte) (Facts, error) {
	f := Facts{ResultsOnly: true}
	if report == nil && results == nil {
		return Facts{}, pipeline.Faultf(pipeline.BadData, "there is neither a run report nor quality results to decide on")
	}
	if report != nil {
		var err error
		if f.Report, f.ResultsOnly, err = readReport(report); err != nil {
			return Facts{}, pipeline.Faultf(pipeline.BadData, "read the run report: %w", err)
		}
	}
	if results != nil {
		doc, err := dq.ReadDocument(results)
		if err != nil {
			return Facts{}, err
		}
		f.Failed = FailedExpectations(doc)
	}
	return f, nil
}

// telling are the fields of a report of which a decision can be made.
var telling = []string{"outcome", "records", "late", "drift", "quality", "failure", "consecutive_failures", "source"}

// readReport also says whether the report counts failing records.
func readReport(b []byte) (r pipeline.RunReport, uncounted bool, err error) {
	var fields, counted map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return r, false, err
	}
	if !slices.ContainsFunc(telling, func(k string) bool { return fields[k] != nil }) {
		return r, false, fmt.Errorf("it has none of the fields %s: is it a run report?", list(telling))
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, false, err
	}
	if q := fields["quality"]; q != nil {
		if err := json.Unmarshal(q, &counted); err != nil {
			return r, false, err
		}
	}
	_, failed := counted["failed"]
	_, share := counted["share"]
	return r, !failed && !share, plausible(r)
}

// check gathers what can't be.
type check struct {
	read int64
	errs []error
}

func (c *check) count(name string, n int64) {
	if n < 0 {
		c.errs = append(c.errs, fmt.Errorf("%s is %d: a count can't be negative", name, n))
	}
}

func (c *check) upTo(name string, n, whole int64, of string) {
	c.count(name, n)
	if whole > 0 && n > whole {
		c.errs = append(c.errs, fmt.Errorf("%s is %d, more than the %d %s", name, n, whole, of))
	}
}

func (c *check) part(name string, n int64) { c.upTo(name, n, c.read, "records read") }

func (c *check) share(name string, s float64) {
	if !(s >= 0 && s <= 1) {
		c.errs = append(c.errs, fmt.Errorf("%s is %v: a share lies between 0 and 1", name, s))
	}
}

// plausible reports every number that can't be.
func plausible(r pipeline.RunReport) error {
	c := &check{read: r.Records.Read}
	c.count("records.read", r.Records.Read)
	c.part("records.clean", r.Records.Clean)
	c.part("records.suspect", r.Records.Suspect)
	c.part("records.malformed", r.Records.Malformed)
	c.part("records.loaded", r.Records.Loaded)
	c.part("records.quarantined", r.Records.Quarantined)
	c.part("records.held", r.Records.Held)
	c.part("late.count", r.Late.Count)
	c.share("late.share", r.Late.Share)
	c.part("quality.failed", r.Quality.Failed)
	c.share("quality.share", r.Quality.Share)
	c.count("consecutive_failures", int64(r.ConsecutiveFailures))
	for i, d := range r.Drift {
		c.part(fmt.Sprintf("drift[%d].count", i), d.Count)
		c.share(fmt.Sprintf("drift[%d].share", i), d.Share)
	}
	c.segments(r.Quality)
	for i, g := range r.Source.Gaps {
		c.count(fmt.Sprintf("source.gaps[%d].start", i), g.Start)
		if g.End < g.Start {
			c.errs = append(c.errs, fmt.Errorf("source.gaps[%d] ends before it starts", i))
		}
	}
	return errors.Join(c.errs...)
}

func (c *check) segments(q pipeline.Quality) {
	seen := map[[2]string]bool{}
	for i, s := range q.Segments {
		name := fmt.Sprintf("quality.segments[%d]", i)
		c.part(name+".records", s.Records)
		c.upTo(name+".failed", s.Failed, s.Records, "records of the segment")
		c.upTo(name+".failed", s.Failed, q.Failed, "failing records")
		c.share(name+".share", s.Share)
		key := [2]string{s.Column, s.Value}
		if seen[key] {
			c.errs = append(c.errs, fmt.Errorf("%s: column %s has value %s twice", name, quote(s.Column), quote(s.Value)))
		}
		seen[key] = true
	}
}
