package agent

import (
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Stats are figures from one decision log alone.
type Stats struct {
	Decisions  int                          `json:"decisions"`
	Conditions map[Condition]map[string]int `json:"conditions"` // by what was done about them: actions, "hold", or "load"
	Proposers  map[string]*ProposerStats    `json:"proposers"`
	Models     map[string]*ModelStats       `json:"models,omitempty"`
	Remedies   map[Action]*Remedy           `json:"remedies"`
	Advice     Agreement                    `json:"advice"` // of the decisions' escalations
	Shadows    map[string]*ShadowStats      `json:"shadows,omitempty"`
}

// ProposerStats are about one proposer that decisions were left to.
type ProposerStats struct {
	Asked     int            `json:"asked"`
	Decided   int            `json:"decided"`   // its proposal was taken
	Fallbacks int            `json:"fallbacks"` // it failed, or the guard refused it
	Reasons   map[string]int `json:"reasons,omitempty"`
}

// ModelStats are what asking one model took.
type ModelStats struct {
	Calls        int   `json:"calls"`
	PromptTokens int64 `json:"prompt_tokens"`
	AnswerTokens int64 `json:"answer_tokens"`
	MedianMs     int64 `json:"median_ms"` // of the newest calls, as are the next two
	P95Ms        int64 `json:"p95_ms"`
	MaxMs        int64 `json:"max_ms"`

	latencies []int64
	next      int
}

// Remedy is how an action went.
type Remedy struct {
	Done     int            `json:"done"`
	Checked  int            `json:"checked"`            // it was looked whether it has helped
	Worked   int            `json:"worked"`             // of those
	Outcomes map[string]int `json:"outcomes,omitempty"` // of the runs
}

// Agreement is how advice stood to what people answered.
type Agreement struct {
	Escalations int            `json:"escalations"`
	Answered    int            `json:"answered"`
	Expired     int            `json:"expired"` // nobody answered in time
	Advised     int            `json:"advised"` // answered, and there was advice
	Agreed      int            `json:"agreed"`  // of those
	Pairs       map[string]int `json:"pairs,omitempty"`
}

// ShadowStats are about one proposer that is only watched.
type ShadowStats struct {
	Asked   int            `json:"asked"`
	Agrees  int            `json:"agrees"` // with the decision that was taken
	Refused int            `json:"refused"`
	Reasons map[string]int `json:"reasons,omitempty"`
	Advice  Agreement      `json:"advice"`
}

// The bounds of what is kept of a long log.
const (
	maxReasons   = 20     // different ones; the others count as one
	maxReason    = 120    // runes of each
	maxLatencies = 10_000 // of one model, the newest
)

// StatsOf reads a log, from entries of this time on. Beside the figures it
// keeps only what an escalation awaits until it is answered. A broken chain
// ends it with an error, and the figures so far.
func StatsOf(log io.Reader, since time.Time) (Stats, error) {
	s := &stats{
		Stats: Stats{
			Conditions: map[Condition]map[string]int{}, Proposers: map[string]*ProposerStats{}, Models: map[string]*ModelStats{},
			Remedies: map[Action]*Remedy{}, Shadows: map[string]*ShadowStats{},
		},
		open: map[string]*awaited{},
	}
	for e, err := range Entries(log) {
		if err == nil && !e.At.Before(since) {
			err = s.take(e)
		}
		if err != nil {
			return s.finish(), err
		}
	}
	return s.finish(), nil
}

type stats struct {
	Stats
	open map[string]*awaited // by the decision that escalated
}

// awaited is the advice about an incident, until a person answers.
type awaited struct {
	advice  string
	shadows map[string]string // by proposer
}

func (s *stats) take(e Entry) error {
	switch e.Kind {
	case KindDecision:
		r, err := e.recorded()
		if err != nil {
			return err
		}
		s.decision(r)
	case KindShadow:
		return body(e, s.shadow)
	case KindExecuted:
		return body(e, s.executed)
	case KindAnswer:
		return body(e, s.answer)
	}
	return nil
}

func body[T any](e Entry, take func(T)) error {
	var v T
	if err := json.Unmarshal(e.Body, &v); err != nil {
		return pipeline.Faultf(pipeline.BadData, "read entry %d, %s %s: %w", e.Seq, e.Kind, e.ID, err)
	}
	take(v)
	return nil
}

func (s *stats) decision(r Recorded) {
	d := r.Decision
	s.Decisions++
	for _, m := range d.Conditions {
		does := at(s.Conditions, m.Name, map[string]int{})
		for _, a := range d.Actions {
			does[string(a.Action)]++
		}
		switch {
		case holds(d.Actions):
			does["hold"]++
		case r.Facts.Report.Failure == nil && !proposes(d.Actions, Remap):
			does["load"]++
		}
	}
	s.proposed(d)
	if e, ok := d.Find(Escalate); ok {
		s.Advice.Escalations++
		s.open[d.ID] = &awaited{advice: e.Args.Advice, shadows: map[string]string{}}
	}
}

func (s *stats) proposed(d Decision) {
	name := d.Proposal.By
	if name == "" {
		name = d.By
	}
	p := at(s.Proposers, name, &ProposerStats{Reasons: map[string]int{}})
	p.Asked++
	if d.Fallback == "" {
		p.Decided++
	} else {
		p.Fallbacks++
		countReason(p.Reasons, d.Fallback)
	}
	s.used(name, d.Proposal.Use)
}

func (s *stats) used(by string, u *ModelUse) {
	if u == nil {
		return
	}
	m := at(s.Models, by+"/"+u.Model, &ModelStats{})
	m.Calls++
	m.PromptTokens += int64(u.PromptTokens)
	m.AnswerTokens += int64(u.AnswerTokens)
	if len(m.latencies) < maxLatencies {
		m.latencies = append(m.latencies, u.LatencyMs)
		return
	}
	m.latencies[m.next%maxLatencies] = u.LatencyMs
	m.next++
}

func (s *stats) executed(x Executed) {
	for _, a := range x.Done {
		r := at(s.Remedies, a.Action, &Remedy{Outcomes: map[string]int{}})
		r.Done++
		countReason(r.Outcomes, a.Outcome)
	}
	for _, c := range x.Checks { // a retrigger's is in the run that came of it
		r := at(s.Remedies, c.Action, &Remedy{Outcomes: map[string]int{}})
		if r.Checked++; c.Worked {
			r.Worked++
		}
	}
}

func (s *stats) shadow(x Shadow) {
	h := at(s.Shadows, x.Proposal.By, &ShadowStats{Reasons: map[string]int{}})
	h.Asked++
	switch {
	case x.Refused != "":
		h.Refused++
		countReason(h.Reasons, x.Refused)
	case x.Agrees:
		h.Agrees++
	}
	s.used(x.Proposal.By, x.Proposal.Use)
	w := s.open[x.Decision]
	if w == nil || x.Refused != "" {
		return
	}
	for _, a := range x.Proposal.Actions {
		if a.Action == Escalate {
			h.Advice.Escalations++
			w.shadows[x.Proposal.By] = a.Args.Advice
		}
	}
}

// answer holds a person's word against the advice. Answers to what was decided
// before the time asked for, or before answers named their decision, count for
// nothing.
func (s *stats) answer(r pipeline.Resolution) {
	w := s.open[r.Decision]
	if w == nil {
		return
	}
	delete(s.open, r.Decision)
	s.Advice.count(w.advice, r.Resolution)
	for by, advice := range w.shadows {
		s.Shadows[by].Advice.count(advice, r.Resolution)
	}
}

func (a *Agreement) count(advice, answer string) {
	switch {
	case answer == pipeline.Expired:
		a.Expired++
		return
	case advice != "":
		a.Advised++
		if advice == answer {
			a.Agreed++
		}
		if a.Pairs == nil {
			a.Pairs = map[string]int{}
		}
		a.Pairs["advised "+advice+", answered "+answer]++
	}
	a.Answered++
}

func (s *stats) finish() Stats {
	for _, m := range s.Models {
		slices.Sort(m.latencies)
		if n := len(m.latencies); n > 0 {
			m.MedianMs, m.P95Ms, m.MaxMs = m.latencies[(n-1)/2], m.latencies[(n-1)*95/100], m.latencies[n-1]
		}
	}
	return s.Stats
}

// countReason counts a text from outside, of few different ones.
func countReason(counts map[string]int, reason string) {
	reason = clip(reason, maxReason)
	if _, known := counts[reason]; !known && len(counts) >= maxReasons {
		reason = "others"
	}
	counts[reason]++
}

// at is the value of a key, put there if it is new.
func at[K comparable, V any](m map[K]V, key K, fresh V) V {
	if _, ok := m[key]; !ok {
		m[key] = fresh
	}
	return m[key]
}
