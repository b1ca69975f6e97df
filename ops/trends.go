package ops

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// TrendQuery picks the incidents that trends are made of. Empty fields match
// anything.
type TrendQuery struct {
	Pipeline string
	Since    time.Time // opened then or later
	Until    time.Time // the weeks go on until then; zero: until the newest incident
}

// maxWeeks bounds the weeks that are counted one by one, the newest ones.
const maxWeeks = 53

// Trends are incidents by what they were about, and how long people took.
type Trends struct {
	Since       time.Time       `json:"since,omitzero"`
	Incidents   int             `json:"incidents"`
	Unresolved  int             `json:"unresolved"`
	Weeks       []string        `json:"weeks"`       // ISO weeks in UTC, "2026-W48", oldest first, without holes; the newest 53
	Causes      []CauseTrend    `json:"causes"`      // the most frequent first
	Pipelines   []PipelineTrend `json:"pipelines"`   // by name
	Acknowledge Took            `json:"acknowledge"` // of all
	Resolve     Took            `json:"resolve"`
	Resolutions map[string]int  `json:"resolutions"` // incidents by how they ended
}

// CauseTrend counts the incidents of one condition. An incident with several
// conditions counts for each.
type CauseTrend struct {
	Condition string `json:"condition"`
	Incidents int    `json:"incidents"`
	Runs      int    `json:"runs"`
	ByWeek    []int  `json:"by_week"` // incidents, as Trends.Weeks
}

// PipelineTrend is one pipeline's part.
type PipelineTrend struct {
	Pipeline    string `json:"pipeline"`
	Incidents   int    `json:"incidents"`
	Unresolved  int    `json:"unresolved"`
	Acknowledge Took   `json:"acknowledge"`
	Resolve     Took   `json:"resolve"`
}

// Took is how long people took, from an incident's opening. What ended by its
// time limit had nobody, and isn't counted; an answer without an
// acknowledgement before it counts as both.
type Took struct {
	Incidents int   `json:"incidents"` // that are counted; of none there are no times
	MedianS   int64 `json:"median_s"`  // seconds
	P90S      int64 `json:"p90_s"`     // seconds: nine of ten took at most this
}

// Trends counts incidents by cause and ISO week, and how long people took.
func (s *Store) Trends(ctx context.Context, q TrendQuery) (Trends, error) {
	found, err := query[Incident](ctx, s, "count incidents",
		`SELECT incident FROM incidents WHERE ($1 = '' OR pipeline = $1) AND opened_ms >= $2 ORDER BY opened_ms, id`, q.Pipeline, millis(q.Since))
	if err != nil {
		return Trends{}, err
	}
	return trendsOf(found, q), nil
}

// trendsOf sums up incidents, oldest first.
func trendsOf(found []Incident, q TrendQuery) Trends {
	t := Trends{Since: q.Since, Weeks: weeksOf(found, q), Causes: []CauseTrend{}, Pipelines: []PipelineTrend{}, Resolutions: map[string]int{}}
	causes, pipelines := map[string]*CauseTrend{}, map[string]*takings{}
	all := &takings{}
	for _, i := range found {
		if pipelines[i.Pipeline] == nil {
			pipelines[i.Pipeline] = &takings{}
		}
		all.add(i)
		pipelines[i.Pipeline].add(i)
		if i.Status == Resolved {
			t.Resolutions[i.Resolution]++
		}
		for _, c := range i.Conditions() {
			if causes[c] == nil {
				causes[c] = &CauseTrend{Condition: c, ByWeek: make([]int, len(t.Weeks))}
			}
			causes[c].add(i, t.Weeks)
		}
	}
	sum := all.trend("")
	t.Incidents, t.Unresolved, t.Acknowledge, t.Resolve = sum.Incidents, sum.Unresolved, sum.Acknowledge, sum.Resolve
	for _, name := range slices.Sorted(maps.Keys(pipelines)) {
		t.Pipelines = append(t.Pipelines, pipelines[name].trend(name))
	}
	for _, c := range causes {
		t.Causes = append(t.Causes, *c)
	}
	slices.SortFunc(t.Causes, func(a, b CauseTrend) int {
		return cmp.Or(cmp.Compare(b.Incidents, a.Incidents), cmp.Compare(a.Condition, b.Condition))
	})
	return t
}

func (c *CauseTrend) add(i Incident, weeks []string) {
	c.Incidents++
	c.Runs += i.Count
	if at := slices.Index(weeks, week(i.OpenedAt)); at >= 0 {
		c.ByWeek[at]++
	}
}

// weeksOf are the weeks from the first incident to the last, or until q says.
func weeksOf(found []Incident, q TrendQuery) []string {
	weeks := []string{}
	if len(found) == 0 {
		return weeks
	}
	first, last := found[0].OpenedAt, found[len(found)-1].OpenedAt
	if q.Until.After(last) {
		last = q.Until
	}
	for at := last.UTC(); len(weeks) < maxWeeks; at = at.AddDate(0, 0, -7) {
		weeks = append(weeks, week(at))
		if week(at) == week(first) || at.Before(first) {
			break
		}
	}
	slices.Reverse(weeks)
	return weeks
}

func week(t time.Time) string {
	year, n := t.UTC().ISOWeek()
	return fmt.Sprintf("%d-W%02d", year, n)
}

// takings gathers how long incidents took.
type takings struct {
	incidents, unresolved int
	acknowledge, resolve  []time.Duration
}

func (t *takings) add(i Incident) {
	t.incidents++
	answered := i.Status == Resolved && i.Resolution != pipeline.Expired
	switch {
	case !i.AcknowledgedAt.IsZero():
		t.acknowledge = append(t.acknowledge, i.AcknowledgedAt.Sub(i.OpenedAt))
	case answered:
		t.acknowledge = append(t.acknowledge, i.ResolvedAt.Sub(i.OpenedAt))
	}
	if answered {
		t.resolve = append(t.resolve, i.ResolvedAt.Sub(i.OpenedAt))
	}
	if i.Status != Resolved {
		t.unresolved++
	}
}

func (t *takings) trend(name string) PipelineTrend {
	return PipelineTrend{Pipeline: name, Incidents: t.incidents, Unresolved: t.unresolved, Acknowledge: took(t.acknowledge), Resolve: took(t.resolve)}
}

func took(all []time.Duration) Took {
	slices.Sort(all)
	return Took{Incidents: len(all), MedianS: nearest(all, 0.5), P90S: nearest(all, 0.9)}
}

// nearest is the smallest value that so great a share of all is at most, in
// whole seconds. Clocks that disagree don't make it negative.
func nearest(sorted []time.Duration, share float64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(math.Ceil(share*float64(len(sorted)))) - 1
	return max(0, int64(sorted[at].Seconds()))
}
