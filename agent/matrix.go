package agent

import (
	"cmp"
	"maps"
	"slices"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// met finds the conditions that the facts meet, in the matrix's order.
func (p Policy) met(f Facts) []Met {
	var out []Met
	add := func(c Condition, evidence map[string]any) { out = append(out, Met{Name: c, Evidence: evidence}) }
	additive, breaking := p.drift(f)
	if len(additive) > 0 {
		add(SchemaDriftAdditive, driftEvidence(f, additive))
	}
	if len(breaking) > 0 {
		add(SchemaDriftBreaking, driftEvidence(f, breaking))
	}
	if late := lateness(f); late.some() {
		name := LateArrivalsMinor
		if late.atLeast(p.LateMajor) {
			name = LateArrivalsMajor
		}
		add(name, map[string]any{"late": late.count, "share": late.share, "line": p.LateMajor})
	}
	if name, evidence := p.quality(f); name != "" {
		add(name, evidence)
	}
	switch n := failuresInARow(f); {
	case n >= p.RepeatedFailures && n > 0:
		add(RepeatedFailures, failureEvidence(f))
	case failed(f):
		add(JobFailed, failureEvidence(f))
	}
	if offsets, gaps := gone(f); gaps > 0 {
		add(SourceGap, map[string]any{"offsets": offsets, "gaps": gaps})
	}
	out = append(out, p.ruled(f)...)
	if len(out) == 0 {
		add(Healthy, map[string]any{"records": f.Report.Records.Read})
	}
	return out
}

func failed(f Facts) bool {
	return f.Report.Failure != nil || f.Report.Outcome == pipeline.Failed
}

// failuresInARow counts this run too, also where its producer didn't.
func failuresInARow(f Facts) int {
	if failed(f) {
		return max(1, f.Report.ConsecutiveFailures)
	}
	return f.Report.ConsecutiveFailures
}

// gone counts the offsets that vanished before they were read, and the gaps.
func gone(f Facts) (offsets int64, gaps int) {
	for _, g := range f.Report.Source.Gaps {
		if g.Len() > 0 {
			offsets += g.Len()
			gaps++
		}
	}
	return offsets, gaps
}

func failureEvidence(f Facts) map[string]any {
	e := map[string]any{"consecutive_failures": failuresInARow(f), "retriggers": f.Retriggers}
	if x := f.Report.Failure; x != nil {
		e["stage"], e["kind"] = clip(x.Stage, maxName), clip(string(x.Kind), maxName)
	}
	return e
}

// drift sorts the drift that counts. One without any number counts: somebody
// found it worth reporting. What a missing field or a stray type means doesn't
// hang on the producer's own flag; a new field is additive only if its name
// can become a column's.
func (p Policy) drift(f Facts) (additive, breaking []pipeline.Drift) {
	for _, d := range f.Report.Drift {
		share := driftShare(f, d)
		if share.some() && !share.atLeast(p.Drift.MinShare) {
			continue
		}
		if d.Kind == pipeline.FieldAdded && !d.Breaking && new(schemas.Schema).CanAdd(d.Field) == nil {
			additive = append(additive, d)
		} else {
			breaking = append(breaking, d)
		}
	}
	return additive, breaking
}

func driftShare(f Facts, d pipeline.Drift) portion {
	return part(d.Count, f.Report.Records.Read, d.Share)
}

func driftEvidence(f Facts, drift []pipeline.Drift) map[string]any {
	fields := make([]string, 0, len(drift))
	var most float64
	for _, d := range drift {
		fields = append(fields, clip(string(d.Kind), maxName)+" "+quote(d.Field))
		most = max(most, driftShare(f, d).share)
	}
	return map[string]any{"fields": fields[:min(len(fields), maxNames)], "number": len(drift), "largest_share": most}
}

// names are the drifts' fields, each once.
func names(drift []pipeline.Drift) []string {
	fields := make([]string, 0, len(drift))
	for _, d := range drift {
		fields = append(fields, d.Field)
	}
	return distinct(fields)
}

func lateness(f Facts) portion {
	return part(f.Report.Late.Count, f.Report.Records.Read, f.Report.Late.Share)
}

// failing is the failing share of the batch. Where nobody counted failing
// records, the largest share among the failed row-level expectations stands
// for it.
func failing(f Facts) portion {
	q := f.Report.Quality
	most := part(q.Failed, f.Report.Records.Read, q.Share)
	if most.some() || !(f.ResultsOnly || f.Report.Records.Read == 0) {
		return most
	}
	for _, e := range f.Failed {
		if e.RowLevel && e.Severity != dq.Info && percent(e.UnexpectedPercent).share > most.share {
			most = percent(e.UnexpectedPercent)
		}
	}
	return most
}

// quality picks the one quality condition that holds, if any. A failed
// expectation that names no failing rows can't be localized: nobody knows
// which records are to blame.
func (p Policy) quality(f Facts) (Condition, map[string]any) {
	share := failing(f)
	evidence := map[string]any{"failed": share.count, "share": share.share, "line": p.DQMajor}
	minor, major := wholesale(f)
	if all := slices.Concat(major, minor); len(all) > 0 {
		evidence["table_expectations"] = all[:min(len(all), maxNames)]
	}
	if len(major) > 0 {
		return DQFailuresMajor, evidence
	}
	if s, ok := p.localized(f); ok {
		maps.Copy(evidence, s.evidence(f))
		return DQFailuresLocalized, evidence
	}
	switch {
	case share.some() && share.atLeast(p.DQMajor):
		return DQFailuresMajor, evidence
	case share.some() || len(minor) > 0:
		return DQFailuresMinor, evidence
	}
	return "", nil
}

// wholesale lists the failed expectations that say nothing about single rows:
// table-level ones, and row-level ones that couldn't be evaluated or whose
// document keeps no numbers. They count by severity; one without is critical.
func wholesale(f Facts) (minor, major []string) {
	for _, e := range f.Failed {
		if e.RowLevel && e.UnexpectedPercent > 0 {
			continue
		}
		name := clip(e.Type, maxName)
		if e.Column != "" {
			name += " of " + quote(e.Column)
		}
		switch e.Severity {
		case dq.Info:
		case dq.Warning:
			minor = append(minor, name)
		default:
			major = append(major, name)
		}
	}
	return minor, major
}

// segment is where failures are concentrated: some values of one column.
type segment struct {
	column          string
	values          []string
	failed, records int64 // inside
}

func (s segment) evidence(f Facts) map[string]any {
	return map[string]any{
		"column": s.column, "values": s.values,
		"failed_inside": s.failed, "records_inside": s.records,
		"failed_outside": f.Report.Quality.Failed - s.failed, "records_outside": f.Report.Records.Read - s.records,
	}
}

// localized looks for a segment column in a few values of which the failures
// are concentrated. Of several columns the one whose values have the fewest
// records wins: it points at the cause most narrowly.
func (p Policy) localized(f Facts) (best segment, ok bool) {
	all := p.localizations(f)
	if len(all) == 0 {
		return segment{}, false
	}
	return all[0], true
}

// localizations are all columns that fit, the narrowest first.
func (p Policy) localizations(f Facts) []segment {
	byColumn := map[string][]pipeline.Segment{}
	for _, s := range f.Report.Quality.Segments {
		if s.Failed > 0 && s.Failed <= s.Records {
			byColumn[s.Column] = append(byColumn[s.Column], s)
		}
	}
	var all []segment
	for _, c := range slices.Sorted(maps.Keys(byColumn)) {
		if s, found := p.concentrated(byColumn[c], f.Report.Quality.Failed, f.Report.Records.Read); found {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b segment) int { return cmp.Compare(a.records, b.records) })
	return all
}

// concentrated takes the worst values one by one, leaving out those that would
// hold too many records, until they hold enough of the failures and few enough
// are left outside.
func (p Policy) concentrated(segments []pipeline.Segment, failed, read int64) (segment, bool) {
	slices.SortFunc(segments, func(a, b pipeline.Segment) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Value, b.Value))
	})
	in := segment{column: segments[0].Column}
	for _, s := range segments {
		if len(in.values) == p.Localized.MaxValues {
			break
		}
		if s.Records > read-in.records || part(in.records+s.Records, read, 0).cmp(p.Localized.MaxRecordsShare) > 0 {
			continue
		}
		in.values, in.failed, in.records = append(in.values, s.Value), in.failed+s.Failed, in.records+s.Records
		enough := failed > 0 && in.failed <= failed && part(in.failed, failed, 0).atLeast(p.Localized.MinFailingShare)
		if outside := part(failed-in.failed, read-in.records, 0); enough && !(outside.some() && outside.atLeast(p.DQMajor)) {
			return in, true
		}
	}
	return segment{}, false
}
