package batch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// maxSegments bounds how many segments an evaluation shows of a column.
const maxSegments = 50

// survey walks over a batch's staged files once: it counts failing records by
// segment, and looks a second time at rows for the rules that need it.
type survey struct {
	job      EvaluateJob
	prog     *dq.Program
	prof     *profile
	rules    *dq.Profile
	setAside map[driftKey]bool

	duplicates duplicates
	duplicated *dq.Positions // rows in clean files that break a rule that counts
	findings   []dq.Finding

	failed   int64
	failures map[string]*dq.Counts   // by segment column: failing records a value
	aside    memo[bool]              // by reasons as encoded
	segments memo[map[string]string] // by segments as encoded
}

func newSurvey(job EvaluateJob, prog *dq.Program, prof *profile, rules *dq.Profile, aside map[driftKey]bool) (*survey, error) {
	if err := rules.Settle(); err != nil {
		return nil, err
	}
	s := &survey{
		job: job, prog: prog, prof: prof, rules: rules, setAside: aside,
		duplicates: duplicates{}, duplicated: dq.NewPositions(),
		failed: prof.Records.Malformed, failures: map[string]*dq.Counts{},
	}
	for i, c := range job.Rules.Segments {
		s.failures[c] = dq.NewCounts(job.Dir, fmt.Sprintf("failing-%d", i), segmentMemory(job.memory()))
	}
	return s, nil
}

func (s *survey) run(ctx context.Context) error {
	for _, r := range s.job.Results {
		for _, f := range r.Files {
			var err error
			switch {
			case f.Kind == pipeline.SuspectFile:
				err = s.suspects(ctx, f)
			case f.Kind == pipeline.CleanFile && s.rules.NeedsLook(spanOf(f).touches):
				err = s.clean(ctx, f)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// suspects counts a suspect file's failing records.
func (s *survey) suspects(ctx context.Context, f pipeline.File) error {
	const partition, offset, reasons, segments, raw = 0, 1, 2, 3, 4
	specs := []spec{rejectSpecs[rejPartition], rejectSpecs[rejOffset], rejectSpecs[rejReasons], rejectSpecs[rejSegments]}
	again := s.rules.NeedsLook(spanOf(f).touches)
	if again {
		specs = append(specs, rejectSpecs[rejRaw])
	}
	values := newRedecoder(s.job.Schema)
	return readStaged(ctx, f.Path, specs, func(cols []column) error {
		values.reset()
		for row := range cols[partition].rows() {
			if err := s.suspect(cols[reasons].bytes(row), cols[segments].bytes(row)); err != nil {
				return stagedFault(f.Path, err)
			}
			if !again {
				continue
			}
			if err := values.decode(cols[raw].bytes(row), row); err != nil {
				return stagedFault(f.Path, err)
			}
		}
		if !again {
			return nil
		}
		return s.look(values.cols, cols[partition].ints32, cols[offset].ints64, func(int, []dq.Finding) error { return nil })
	})
}

func (s *survey) suspect(reasons, segments []byte) error {
	aside, err := s.aside.get(reasons, s.isAside)
	if err != nil || aside {
		return err
	}
	values, err := s.segments.get(segments, decodeSegments)
	if err != nil {
		return err
	}
	return s.fail(values)
}

// isAside reports whether the reasons name a drift that keeps records out.
func (s *survey) isAside(encoded []byte) (bool, error) {
	reasons, err := decodeReasons(encoded)
	return slices.ContainsFunc(reasons, func(r pipeline.Reason) bool {
		return s.setAside[driftKey{pipeline.DriftKind(r.Code), r.Field}]
	}), err
}

func (s *survey) fail(segments map[string]string) error {
	s.failed++
	for column, counts := range s.failures {
		if v, ok := segments[column]; ok {
			if err := counts.Add([]byte(v), 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// clean looks a second time at a clean file's rows.
func (s *survey) clean(ctx context.Context, f pipeline.File) error {
	names := append(slices.Clone(s.job.Rules.Segments), s.prog.LateColumns()...)
	slices.Sort(names)
	specs := placeSpecs()
	for _, n := range slices.Compact(names) {
		specs = append(specs, fieldSpec(s.job.Schema.Fields[s.job.Schema.Index(n)]))
	}
	return readStaged(ctx, f.Path, specs, func(cols []column) error {
		return s.look(cols[2:], cols[0].ints32, cols[1].ints64, func(row int, findings []dq.Finding) error {
			p := dq.Position{Partition: cols[0].ints32[row], Offset: cols[1].ints64[row]}
			counts := false
			for _, f := range findings {
				s.duplicates.add(int(f.Expectation), p)
				counts = counts || s.prog.Counts(int(f.Expectation))
			}
			if !counts {
				return nil
			}
			s.duplicated.Add(p.Partition, p.Offset)
			return s.fail(segmentsOf(s.job.Rules.Segments, func(name string) (*column, int) { return columnNamed(cols, name), row }))
		})
	})
}

// look shows rows to the rules that need a second look, and tells each row that
// breaks some. A chunk holds one partition.
func (s *survey) look(fields []column, partitions []int32, offsets []int64, broken func(row int, findings []dq.Finding) error) error {
	all := recordOf(fields)
	defer all.Release()
	for from := 0; from < len(offsets); {
		to := from + 1
		for to < len(offsets) && partitions[to] == partitions[from] {
			to++
		}
		part := all.NewSlice(int64(from), int64(to))
		findings, err := s.rules.Look(dq.Chunk{Record: part, Partition: partitions[from], Offsets: offsets[from:to]}, s.findings[:0])
		part.Release()
		if err != nil {
			return err
		}
		s.findings = findings
		for len(findings) > 0 {
			n := 1
			for n < len(findings) && findings[n].Row == findings[0].Row {
				n++
			}
			if err := broken(from+int(findings[0].Row), findings[:n]); err != nil {
				return err
			}
			findings = findings[n:]
		}
		from = to
	}
	return nil
}

// quality sums up the failing records, by segment too: the values with the
// most of them first.
func (s *survey) quality() (pipeline.Quality, error) {
	q := pipeline.Quality{Failed: s.failed, Share: share(s.failed, s.prof.Records.Read), Results: resultsName}
	for _, column := range s.job.Rules.Segments {
		var list []pipeline.Segment
		err := s.failures[column].Join(s.prof.Segments[column], func(value string, failed, records int64) {
			list = append(list, pipeline.Segment{
				Column: column, Value: value, Records: records, Failed: failed, Share: share(failed, records),
			})
			if len(list) >= 2*maxSegments {
				list = worst(list)
			}
		})
		if err != nil {
			return q, err
		}
		q.Segments = append(q.Segments, worst(list)...)
	}
	return q, nil
}

// worst keeps the segments with the most failing records.
func worst(list []pipeline.Segment) []pipeline.Segment {
	slices.SortFunc(list, func(a, b pipeline.Segment) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Value, b.Value))
	})
	return list[:min(len(list), maxSegments)]
}
