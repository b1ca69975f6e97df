package batch

import (
	"cmp"
	"context"
	"slices"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The bounds of what an evaluation shows.
const (
	maxSegments = 50 // a column
	maxSamples  = 20 // duplicates a rule
)

// survey walks over a batch's staged files once: it counts failing records by
// segment, and collects what duplicates look like.
type survey struct {
	job      EvaluateJob
	prog     *dq.Program
	prof     *profile
	setAside map[driftKey]bool

	duplicates duplicates
	counted    *positions // rows that break a uniqueness rule that counts
	duplicated *positions // those of them that are in clean files
	wanted     map[dq.Position][]int
	samples    map[int][]dq.Sample

	failed   int64
	failures map[string]map[string]int64 // by segment column and value
	aside    memo[bool]                  // by reasons as encoded
	segments memo[map[string]string]     // by segments as encoded
}

func newSurvey(ctx context.Context, job EvaluateJob, prog *dq.Program, prof *profile, aside map[driftKey]bool) (*survey, error) {
	d, err := findDuplicates(ctx, uniqueRules(prog, job.Schema), job.Results)
	if err != nil {
		return nil, err
	}
	s := &survey{
		job: job, prog: prog, prof: prof, setAside: aside,
		duplicates: d, counted: d.counted(prog), duplicated: newPositions(),
		wanted: map[dq.Position][]int{}, samples: map[int][]dq.Sample{},
		failed: prof.Records.Malformed, failures: map[string]map[string]int64{},
	}
	for _, c := range job.Rules.Segments {
		s.failures[c] = map[string]int64{}
	}
	for i := range d {
		n := 0
		for p := range d[i].all() {
			s.wanted[p] = append(s.wanted[p], i)
			if n++; n == maxSamples {
				break
			}
		}
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
			case f.Kind == pipeline.CleanFile && s.interesting(f):
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
	if s.wantedIn(f) {
		specs = append(specs, rejectSpecs[rejRaw])
	}
	values := newRedecoder(s.job.Schema)
	return readStaged(ctx, f.Path, specs, func(cols []column) error {
		for row := range cols[partition].rows() {
			if err := s.suspect(cols[reasons].bytes(row), cols[segments].bytes(row)); err != nil {
				return stagedFault(f.Path, err)
			}
			p := dq.Position{Partition: cols[partition].ints32[row], Offset: cols[offset].ints64[row]}
			if rules := s.wanted[p]; len(rules) > 0 {
				if err := values.decode(cols[raw].bytes(row)); err != nil {
					return stagedFault(f.Path, err)
				}
				s.sample(p, rules, values.column)
			}
		}
		return nil
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
	s.fail(values)
	return nil
}

// isAside reports whether the reasons name a drift that keeps records out.
func (s *survey) isAside(encoded []byte) (bool, error) {
	reasons, err := decodeReasons(encoded)
	return slices.ContainsFunc(reasons, func(r pipeline.Reason) bool {
		return s.setAside[driftKey{pipeline.DriftKind(r.Code), r.Field}]
	}), err
}

func (s *survey) fail(segments map[string]string) {
	s.failed++
	for column, counts := range s.failures {
		if v, ok := segments[column]; ok {
			counts[v]++
		}
	}
}

// clean finds a clean file's duplicates.
func (s *survey) clean(ctx context.Context, f pipeline.File) error {
	names := slices.Clone(s.job.Rules.Segments)
	for i := range s.duplicates {
		names = append(names, ruleColumn(s.prog, i))
	}
	slices.Sort(names)
	specs := placeSpecs()
	for _, n := range slices.Compact(names) {
		specs = append(specs, fieldSpec(s.job.Schema.Fields[s.job.Schema.Index(n)]))
	}
	return readStaged(ctx, f.Path, specs, func(cols []column) error {
		for row := range cols[0].rows() {
			p := dq.Position{Partition: cols[0].ints32[row], Offset: cols[1].ints64[row]}
			value := func(name string) (*column, int) { return columnNamed(cols, name), row }
			if s.counted.has(p.Partition, p.Offset) {
				s.duplicated.add(p.Partition, p.Offset)
				s.fail(segmentsOf(s.job.Rules.Segments, value))
			}
			if rules := s.wanted[p]; len(rules) > 0 {
				s.sample(p, rules, value)
			}
		}
		return nil
	})
}

// sample keeps a duplicate's value for each of the rules.
func (s *survey) sample(p dq.Position, rules []int, value func(name string) (*column, int)) {
	for _, i := range rules {
		c, row := value(ruleColumn(s.prog, i))
		v := c.value(row)
		if f, ok := v.(float64); ok {
			v = dq.Float(f)
		}
		s.samples[i] = append(s.samples[i], dq.Sample{Position: p, Value: v})
	}
}

// setDuplicates tells the quality profile what only the whole batch shows.
func (s *survey) setDuplicates(quality *dq.Profile) error {
	for i, set := range s.duplicates {
		slices.SortFunc(s.samples[i], func(a, b dq.Sample) int {
			return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
		})
		if err := quality.SetDuplicates(i, set.count, s.samples[i]); err != nil {
			return pipeline.Faultf(pipeline.Bug, "count the duplicates of batch %s: %w", s.job.Batch.ID, err)
		}
	}
	return nil
}

// quality sums up the failing records, by segment too: the values with the
// most of them first. What is beyond the values that a profile keeps has no
// name, and so isn't listed.
func (s *survey) quality() pipeline.Quality {
	q := pipeline.Quality{Failed: s.failed, Share: share(s.failed, s.prof.Records.Read), Results: resultsName}
	for _, column := range s.job.Rules.Segments {
		var list []pipeline.Segment
		for value, failed := range s.failures[column] {
			if t := s.prof.Segments[column].Names[value]; t != nil {
				list = append(list, pipeline.Segment{
					Column: column, Value: value, Records: t.Count, Failed: failed, Share: share(failed, t.Count),
				})
			}
		}
		slices.SortFunc(list, func(a, b pipeline.Segment) int {
			return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Value, b.Value))
		})
		q.Segments = append(q.Segments, list[:min(len(list), maxSegments)]...)
	}
	return q
}

// interesting reports whether a clean file may hold duplicates.
func (s *survey) interesting(f pipeline.File) bool {
	return s.wantedIn(f) || spanOf(f).touches(s.counted)
}

func (s *survey) wantedIn(f pipeline.File) bool {
	span := spanOf(f)
	for p := range s.wanted {
		if span.contains(p) {
			return true
		}
	}
	return false
}
