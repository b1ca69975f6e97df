package agent

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Policy holds the matrix's thresholds and the agent's budgets. Shares are 0
// to 1.
type Policy struct {
	Drift              Drift             `yaml:"drift" json:"drift"`
	LateMajor          float64           `yaml:"late_major" json:"late_major"` // share of late records that escalates; default 0.15
	DQMajor            float64           `yaml:"dq_major" json:"dq_major"`     // share of failing records that holds the batch; default 0.05
	Localized          Localized         `yaml:"localized" json:"localized"`
	RepeatedFailures   int               `yaml:"repeated_failures" json:"repeated_failures"` // failed runs in a row that escalate; default 3
	Retrigger          RetriggerPolicy   `yaml:"retrigger" json:"retrigger"`
	QuarantineMaxShare float64           `yaml:"quarantine_max_share" json:"quarantine_max_share"` // of a batch, without a person; default 0.5
	KillSwitch         bool              `yaml:"kill_switch" json:"kill_switch"`                   // the agent changes nothing by itself
	Autonomy           map[Action]string `yaml:"autonomy" json:"autonomy,omitempty"`               // of remap, quarantine, retrigger and own actions; default auto
	Escalation         EscalationPolicy  `yaml:"escalation" json:"escalation"`
	Rules              []Rule            `yaml:"rules" json:"rules,omitempty"` // of the pipeline's own
	Own                []Spec            `yaml:"-" json:"own,omitempty"`       // own actions that rules plan; see WithOwn
}

// Drift says when a stray field counts.
type Drift struct {
	MinShare     float64 `yaml:"min_share" json:"min_share"`           // below it a stray field is ignored and counted; default 0.001
	MaxNewFields int     `yaml:"max_new_fields" json:"max_new_fields"` // more of them in one batch escalate; default 20, 0 escalates every new field
	MaxRemaps    int     `yaml:"max_remaps" json:"max_remaps"`         // after so many in 24 hours new fields escalate; default 24, 0 is no limit
}

// Localized says when failures are concentrated.
type Localized struct {
	MaxValues       int     `yaml:"max_values" json:"max_values"`               // of one segment column; default 3, 0 never localizes
	MinFailingShare float64 `yaml:"min_failing_share" json:"min_failing_share"` // of the failing records; default 0.8
	MaxRecordsShare float64 `yaml:"max_records_share" json:"max_records_share"` // of all records; default 0.5
}

// RetriggerPolicy bounds runs that start each other.
type RetriggerPolicy struct {
	MaxChain   int           `yaml:"max_chain" json:"max_chain"`     // runs in a row; default 3, 0 never retriggers
	Backoff    time.Duration `yaml:"backoff" json:"backoff"`         // after the first failure, doubling; default 30s
	MaxBackoff time.Duration `yaml:"max_backoff" json:"max_backoff"` // default 15m
}

// EscalationPolicy says how long people are waited for.
type EscalationPolicy struct {
	RemindAfter time.Duration `yaml:"remind_after" json:"remind_after"` // default 4h
	Timeout     time.Duration `yaml:"timeout" json:"timeout"`           // then everything stays where it is; default 72h
}

// The levels of autonomy. Below auto the agent doesn't act: it escalates, holds
// the batch, and says what it saw, what it would do, or what it waits for.
const (
	Observe = "observe"
	Suggest = "suggest"
	Approve = "approve"
	Auto    = "auto"
)

// DefaultPolicy is the matrix as the documentation gives it.
func DefaultPolicy() Policy {
	return Policy{
		Drift:              Drift{MinShare: 0.001, MaxNewFields: 20, MaxRemaps: 24},
		LateMajor:          0.15,
		DQMajor:            0.05,
		Localized:          Localized{MaxValues: 3, MinFailingShare: 0.8, MaxRecordsShare: 0.5},
		RepeatedFailures:   3,
		Retrigger:          RetriggerPolicy{MaxChain: 3, Backoff: 30 * time.Second, MaxBackoff: 15 * time.Minute},
		QuarantineMaxShare: 0.5,
		Escalation:         EscalationPolicy{RemindAfter: 4 * time.Hour, Timeout: 72 * time.Hour},
	}
}

// maxWait bounds every time setting: a longer one is a slip of the unit.
const maxWait = 365 * 24 * time.Hour

// Validate reports every value that can't be used, with its key.
func (p Policy) Validate() error {
	return errors.Join(
		share("drift.min_share", p.Drift.MinShare),
		within("drift.max_new_fields", p.Drift.MaxNewFields, 0, 10_000),
		within("drift.max_remaps", p.Drift.MaxRemaps, 0, 10_000),
		share("late_major", p.LateMajor),
		share("dq_major", p.DQMajor),
		within("localized.max_values", p.Localized.MaxValues, 0, 100),
		share("localized.min_failing_share", p.Localized.MinFailingShare),
		share("localized.max_records_share", p.Localized.MaxRecordsShare),
		within("repeated_failures", p.RepeatedFailures, 1, 1_000_000),
		within("retrigger.max_chain", p.Retrigger.MaxChain, 0, 1_000_000),
		wait("retrigger.backoff", p.Retrigger.Backoff, time.Second),
		wait("retrigger.max_backoff", p.Retrigger.MaxBackoff, p.Retrigger.Backoff),
		share("quarantine_max_share", p.QuarantineMaxShare),
		p.validateAutonomy(),
		p.validateRules(),
		wait("escalation.remind_after", p.Escalation.RemindAfter, time.Second),
		wait("escalation.timeout", p.Escalation.Timeout, time.Second),
	)
}

func (p Policy) validateAutonomy() error {
	var errs []error
	for _, a := range slices.Sorted(maps.Keys(p.Autonomy)) {
		if _, own := p.own(a); !own && !slices.Contains(changing, a) {
			errs = append(errs, bad("autonomy", "action %q is none of %s, and no own action of a rule: the others change nothing", a, list(changing)))
		}
		if level := p.Autonomy[a]; !slices.Contains([]string{Observe, Suggest, Approve, Auto}, level) {
			errs = append(errs, bad(fmt.Sprintf("autonomy.%s", a), "level %q is none of observe, suggest, approve, auto", level))
		}
	}
	return errors.Join(errs...)
}

func share(key string, v float64) error {
	if !(v >= 0 && v <= 1) { // also NaN
		return bad(key, "%v is no share between 0 and 1", v)
	}
	return nil
}

func within(key string, v, lo, hi int) error {
	if v < lo || v > hi {
		return bad(key, "%d is not between %d and %d", v, lo, hi)
	}
	return nil
}

// wait checks a time setting. Temporal's timers count whole seconds, and a bare
// number in YAML is nanoseconds: below a second nothing is meant.
func wait(key string, v, lo time.Duration) error {
	if v < lo || v > maxWait {
		return bad(key, "%v is not between %v and %v; write a unit, like 30s", v, lo, maxWait)
	}
	return nil
}

func bad(key, format string, args ...any) error {
	return pipeline.Misconfiguredf("policy."+key, format, args...)
}

// changing are the actions that change something: the ones that policy can
// take out of the agent's hands.
var changing = []Action{Quarantine, Remap, Retrigger}

func changes(a Action) bool { return slices.Contains(changing, a) || isOwn(a) }

// forbids says why the agent may not carry the action out without a person, or
// is empty.
func (p Policy) forbids(a Action) string {
	level := p.Autonomy[a]
	switch {
	case !changes(a):
		return ""
	case p.KillSwitch:
		return "policy.kill_switch is on"
	case level != "" && level != Auto:
		return fmt.Sprintf("policy.autonomy.%s is %s", a, level)
	}
	return ""
}
