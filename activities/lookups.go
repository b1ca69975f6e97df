package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The bounds of what a lookup tells.
const (
	lookedRuns     = 5
	lookedVersions = 5
	lookedSegments = 12
	lookedSamples  = 3
)

// lookups are what a model may ask about a run: all of it only reads.
func (s *Set) lookups(d *Dataset, req agent.Request) []agent.Lookup {
	all := []agent.Lookup{
		{Name: "recent_runs", About: "outcomes and conditions of the last runs", Look: func(ctx context.Context, _ agent.Facts) (string, error) {
			return s.recentRuns(ctx, d.Name)
		}},
		{Name: "schema_history", About: "the last schema versions", Look: func(ctx context.Context, _ agent.Facts) (string, error) {
			return s.schemaHistory(ctx, d.Name)
		}},
		{Name: "lag", About: "offsets read and left behind, by partition", Look: lag},
		{Name: "segments", About: "failing records by segment", Look: segments},
	}
	if d.Agent.Samples == agent.RedactedSamples && req.Staged != nil {
		all = append(all, agent.Lookup{Name: "samples", About: "shapes of some records that were set aside, with the reasons", Look: func(ctx context.Context, _ agent.Facts) (string, error) {
			return s.samples(ctx, d, req)
		}})
	}
	return all
}

func (s *Set) recentRuns(ctx context.Context, name string) (string, error) {
	runs, err := s.Ops.Runs(ctx, ops.RunQuery{Pipeline: name, Limit: lookedRuns})
	var out []string
	for _, r := range runs {
		line := fmt.Sprintf("%s: %d read, %d quarantined", r.Outcome, r.Records.Read, r.Records.Quarantined+r.Records.Held)
		if len(r.Conditions) > 0 {
			line += ", " + strings.Join(r.Conditions, "+")
		}
		if r.Failure != nil {
			line += fmt.Sprintf(", stage %s failed (%s)", r.Failure.Stage, r.Failure.Kind)
		}
		out = append(out, line)
	}
	return lines(out), err
}

func (s *Set) schemaHistory(ctx context.Context, name string) (string, error) {
	versions, err := s.Ops.Schemas(ctx, name)
	var out []string
	for _, v := range versions[max(0, len(versions)-lookedVersions):] {
		out = append(out, fmt.Sprintf("version %d, %s: %s", v.Version, v.At.UTC().Format("2006-01-02"), v.Reason))
	}
	return lines(out), err
}

func lag(_ context.Context, f agent.Facts) (string, error) {
	var out []string
	for _, r := range f.Report.Source.Ranges {
		out = append(out, fmt.Sprintf("partition %d: read %d to %d", r.Partition, r.Start, r.End))
	}
	for _, g := range f.Report.Source.Gaps {
		out = append(out, fmt.Sprintf("partition %d: %d to %d were gone", g.Partition, g.Start, g.End))
	}
	return lines(append(out, fmt.Sprintf("%d left behind", f.Report.Source.Lag))), nil
}

func segments(_ context.Context, f agent.Facts) (string, error) {
	var out []string
	all := f.Report.Quality.Segments
	for _, x := range all[:min(len(all), lookedSegments)] {
		out = append(out, fmt.Sprintf("%s %s: %d of %d fail", x.Column, x.Value, x.Failed, x.Records))
	}
	return lines(out), nil
}

func (s *Set) samples(ctx context.Context, d *Dataset, req agent.Request) (string, error) {
	results, err := shardResults(d.stagedDir(req.Run.RunID, *req.Staged), req.Staged.Shards)
	if err != nil {
		return "", err
	}
	found, err := batch.Samples(ctx, results, lookedSamples)
	var out []string
	for _, x := range found {
		out = append(out, agent.Redact(x.Raw)+" because "+reasonCodes(x.Reasons))
	}
	return lines(out), err
}

// reasonCodes leaves the details out, which quote values.
func reasonCodes(raw []byte) string {
	var out []string
	var reasons []pipeline.Reason
	if json.Unmarshal(raw, &reasons) != nil {
		return "reasons that can't be read"
	}
	for _, r := range reasons {
		code := r.Code
		if r.Field != "" {
			code += " of " + r.Field
		}
		out = append(out, code)
	}
	return strings.Join(out, ", ")
}

func lines(all []string) string {
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, "; ")
}
