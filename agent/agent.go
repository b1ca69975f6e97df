// Package agent turns a run's facts into a decision: the matrix computes which
// conditions hold and which actions are allowed and mandatory, a proposer
// (rules, or a language model) chooses inside that, the guard checks the
// choice, and the audit log proves what happened. It executes nothing.
package agent

import (
	"context"
	"encoding/json"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Condition is a row of the decision matrix.
type Condition string

// The conditions, in the matrix's order.
const (
	SchemaDriftAdditive Condition = "schema_drift_additive"
	SchemaDriftBreaking Condition = "schema_drift_breaking"
	LateArrivalsMinor   Condition = "late_arrivals_minor"
	LateArrivalsMajor   Condition = "late_arrivals_major"
	DQFailuresMinor     Condition = "dq_failures_minor"
	DQFailuresLocalized Condition = "dq_failures_localized"
	DQFailuresMajor     Condition = "dq_failures_major"
	JobFailed           Condition = "job_failed"
	RepeatedFailures    Condition = "repeated_failures"
	SourceGap           Condition = "source_gap"
	Healthy             Condition = "healthy"
)

// Action is something that the pipeline can do about a condition.
type Action string

// The actions, in the order in which they are carried out. Own actions come
// after Log, by name.
const (
	Quarantine Action = "quarantine"
	Remap      Action = "remap"
	Log        Action = "log"
	Retrigger  Action = "retrigger"
	Escalate   Action = "escalate"
	Notify     Action = "notify"
)

// FailedExpectation is what the facts keep of a failed expectation: no values.
type FailedExpectation struct {
	Type              string      `json:"type"`
	Column            string      `json:"column,omitempty"`
	Severity          dq.Severity `json:"severity"`
	RowLevel          bool        `json:"row_level"`
	UnexpectedPercent float64     `json:"unexpected_percent,omitempty"`
}

// Attempt is something that was tried before in this run or its chain.
type Attempt struct {
	Action  Action `json:"action"`
	RunID   string `json:"run_id"`
	Outcome string `json:"outcome"`
}

// Facts are the numbers that a decision is made from, never records.
type Facts struct {
	Report     pipeline.RunReport  `json:"report"`
	Failed     []FailedExpectation `json:"failed_expectations,omitempty"`
	Retriggers int                 `json:"retriggers"`            // length so far of the chain of retriggered runs
	Tried      []Attempt           `json:"tried,omitempty"`       // in this run
	LastErrors []pipeline.Failure  `json:"last_errors,omitempty"` // of the failed runs in a row before this one, newest first
	Remaps     int                 `json:"remaps,omitempty"`      // of this pipeline in the 24 hours before this run
	Used       []Used              `json:"used,omitempty"`        // of own actions' budgets

	// ResultsOnly says that nobody counted failing records: there is no run
	// report, or it has no quality section.
	ResultsOnly bool `json:"results_only,omitempty"`
}

// Met is a condition that holds, with the numbers that show it.
type Met struct {
	Name     Condition      `json:"name"`
	Evidence map[string]any `json:"evidence"`
	Severity string         `json:"severity,omitempty"` // that a rule gives it
}

// Planned is one action with its arguments.
type Planned struct {
	Action Action `json:"action"`
	Args   Args   `json:"args"`
	Reason string `json:"reason"`
}

// Args are the arguments of an action; each action reads its own.
type Args struct {
	// Remap: the new fields.
	Fields []string `json:"fields,omitempty"`
	// Quarantine: which records beside the malformed and non-conforming ones,
	// which always stay out. Empty Column means only those.
	Column string   `json:"column,omitempty"`
	Values []string `json:"values,omitempty"`
	// Escalate: whether the whole batch is held until a person answers, and
	// whether the schedule is paused.
	Hold          bool   `json:"hold,omitempty"`
	PauseSchedule bool   `json:"pause_schedule,omitempty"`
	Cause         string `json:"cause,omitempty"` // groups incidents: "pipeline/condition[/detail]"
	// Escalate: what the person is advised to answer, and the mapping that a
	// replay would take. Nothing follows from them but a person's answer.
	Advice  string            `json:"advice,omitempty"` // release, replay, discard, or empty
	Mapping *pipeline.Mapping `json:"mapping,omitempty"`
	// Retrigger: wait this long before the next run.
	BackoffS int64 `json:"backoff_s,omitempty"`
	// Notify and Log.
	Message string `json:"message,omitempty"`
	// An own action: its arguments, as the rule gives them.
	Own json.RawMessage `json:"own,omitempty"`
}

// Bounds are what the matrix allows a proposer, and what it demands.
type Bounds struct {
	Conditions []Met     `json:"conditions"`
	Allowed    []Action  `json:"allowed"`
	Mandatory  []Action  `json:"mandatory"`
	Default    []Planned `json:"default"` // what rules propose: always inside the bounds

	// OneOf are conditions with several fit answers: at least one action of
	// each list must be there.
	OneOf [][]Action `json:"one_of,omitempty"`
	// Cause is what an escalation's must be: it groups incidents, so nobody
	// else may choose it.
	Cause string `json:"cause"`
	// MaxBackoffS is the longest wait that a retrigger may ask for, in seconds.
	MaxBackoffS int64 `json:"max_backoff_s"`
	// Segments are the columns and values that a quarantine may choose among,
	// the default first; none if there is no choice.
	Segments []Args `json:"segments,omitempty"`
	// Mends are the parts that a mapping may be advised of.
	Mends []Mend `json:"mends,omitempty"`
}

// Proposal is what a proposer chose, before the guard.
type Proposal struct {
	By      string          `json:"by"` // rules, ollama or openai
	Actions []Planned       `json:"actions"`
	Summary string          `json:"summary"`
	Raw     json.RawMessage `json:"raw,omitempty"`    // a model's answer as it came
	Failed  string          `json:"failed,omitempty"` // why there is none: the proposer's error. Decide notes it

	RootCause string    `json:"root_cause,omitempty"` // a hypothesis
	Evidence  []string  `json:"evidence,omitempty"`   // the facts that it rests on, in words
	Use       *ModelUse `json:"use,omitempty"`        // nil: no model was asked
}

// ModelUse is what asking a model took.
type ModelUse struct {
	Model        string   `json:"model"`
	PromptSHA256 string   `json:"prompt_sha256"` // of all messages sent, without the fences' token
	PromptTokens int      `json:"prompt_tokens"`
	AnswerTokens int      `json:"answer_tokens"`
	LatencyMs    int64    `json:"latency_ms"`
	Lookups      []string `json:"lookups,omitempty"` // what it looked up
}

// Proposer chooses actions inside bounds. An error makes the decision fall
// back to rules.
type Proposer interface {
	Name() string
	Propose(ctx context.Context, facts Facts, bounds Bounds) (Proposal, error)
}

// Decision is the recorded choice that a workflow carries out.
type Decision struct {
	ID         string    `json:"id"`
	Pipeline   string    `json:"pipeline"`
	RunID      string    `json:"run_id"`
	At         time.Time `json:"at"`
	Conditions []Met     `json:"conditions"`
	Allowed    []Action  `json:"allowed"`
	Mandatory  []Action  `json:"mandatory"`
	Proposal   Proposal  `json:"proposal"`
	By         string    `json:"by"`
	Fallback   string    `json:"fallback,omitempty"` // why rules decided instead
	Actions    []Planned `json:"actions"`
	Severity   string    `json:"severity"` // info, warning or critical
	Summary    string    `json:"summary"`
	Facts      string    `json:"facts_digest"` // SHA-256 of the facts' JSON

	// StaysOut is the check that a quarantine worked: so many records must be
	// out of the table. Nil if none is planned, or nobody counted.
	StaysOut *pipeline.Between `json:"stays_out,omitempty"`
}

// Find returns the planned action of this kind, if any.
func (d Decision) Find(a Action) (Planned, bool) {
	for _, p := range d.Actions {
		if p.Action == a {
			return p, true
		}
	}
	return Planned{}, false
}
