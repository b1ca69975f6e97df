package activities

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/page"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// qualityPage is the file of the page that shows a run's quality results.
const qualityPage = "quality.html"

// sketchedRows is how many clean rows the page's pictures are drawn from.
const sketchedRows = 10_000

// errEnough ends reading.
var errEnough = errors.New("enough rows were read")

// drawPage stages the page beside the quality results. People look at it: a run
// doesn't fail because it can't be drawn.
func (s *Set) drawPage(ctx context.Context, job batch.EvaluateJob, doc dq.Document) {
	var b bytes.Buffer
	columns, err := sketch(ctx, job)
	if err == nil {
		err = page.Write(&b, doc, columns, "Quality of "+job.Batch.ID)
	}
	if err == nil {
		err = writeFile(filepath.Join(job.Dir, qualityPage), b.Bytes())
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("draw the page of the quality results", "batch", job.Batch.ID, "error", err)
	}
}

// sketch looks at the first clean rows.
func sketch(ctx context.Context, job batch.EvaluateJob) ([]page.Column, error) {
	sk := page.NewSketch(job.Schema, sketchedRows)
	var left int64 = sketchedRows
	for _, r := range job.Results {
		for _, f := range r.Files {
			if f.Kind != pipeline.CleanFile || left <= 0 {
				continue
			}
			t, err := tabular.Open([]string{f.Path})
			if err != nil {
				return nil, err
			}
			err = t.Read(ctx, nil, func(c dq.Chunk) error {
				sk.Observe(c.Record)
				if left -= c.Record.NumRows(); left <= 0 {
					return errEnough
				}
				return nil
			})
			if err != nil && !errors.Is(err, errEnough) {
				return nil, err
			}
		}
	}
	return sk.Columns(), nil
}
