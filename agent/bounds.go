package agent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// order is the order in which actions are carried out.
var order = []Action{Quarantine, Remap, Log, Retrigger, Escalate, Notify}

// Bounds computes what a proposer may choose among, and what it must not leave
// out:
//
//   - Logging, escalating and notifying are always allowed: they change
//     nothing, or make things safer.
//   - A mandatory action gives way to nothing but an escalation that holds the
//     batch: a person may be asked instead, but nothing loads meanwhile.
//   - Where the matrix escalates, nothing replaces that, and the hold can't be
//     dropped.
//   - New fields, late arrivals, few failures and a failed job have several fit
//     answers (OneOf), of which doing nothing is none. New fields that aren't
//     taken up hold the batch: loading it would drop their values.
//
// It is a pure function: the same facts and policy give the same bounds.
func (p Policy) Bounds(f Facts) Bounds {
	b := &bounds{policy: p, facts: f}
	b.Conditions = p.met(f)
	for _, m := range b.Conditions {
		b.condition = m.Name
		b.answer(m.Name)
	}
	b.budget()
	b.Allowed = append(b.Allowed, Log, Escalate, Notify)
	b.Allowed, b.Mandatory = byOrder(b.Allowed), byOrder(b.Mandatory)
	for i, list := range b.OneOf {
		b.OneOf[i] = slices.DeleteFunc(list, func(a Action) bool { return !slices.Contains(b.Allowed, a) })
	}
	slices.SortStableFunc(b.Default, func(x, y Planned) int { return byRank(x.Action, y.Action) })
	b.options()
	b.Cause = b.cause()
	b.MaxBackoffS = seconds(p.Retrigger.MaxBackoff)
	return b.Bounds
}

// byRank puts actions in order: own ones after Log, by name.
func byRank(x, y Action) int {
	if isOwn(x) && isOwn(y) {
		return cmp.Compare(x, y)
	}
	return rank(x) - rank(y)
}

func rank(a Action) int {
	if isOwn(a) {
		return 2*slices.Index(order, Log) + 1
	}
	return 2 * slices.Index(order, a)
}

func byOrder(actions []Action) []Action {
	slices.SortFunc(actions, byRank)
	return slices.Compact(actions)
}

type bounds struct {
	Bounds
	policy    Policy
	facts     Facts
	condition Condition // being answered
	demanded  bool      // by a rule: whatever it plans is mandatory
}

// answer plans what the matrix does about one condition.
func (b *bounds) answer(c Condition) {
	switch c {
	case SchemaDriftAdditive:
		b.remap()
	case SchemaDriftBreaking:
		_, breaking := b.policy.drift(b.facts)
		b.act(Quarantine, Args{}, "records that don't conform to the schema stay out: "+quoted(names(breaking)))
		b.escalate(Args{}, "the schema changed in a way that no new column heals: "+quoted(names(breaking)))
	case LateArrivalsMinor:
		b.retriggerLate()
	case LateArrivalsMajor:
		b.escalate(Args{}, percentText(lateness(b.facts).share)+" of the records are late: find out why")
	case DQFailuresMinor:
		b.choose(Log, Notify, Escalate)
		b.act(Log, Args{}, b.failures())
	case DQFailuresLocalized:
		s, _ := b.policy.localized(b.facts)
		where := fmt.Sprintf("%d of %d failing records have %s %s",
			s.failed, b.facts.Report.Quality.Failed, quote(s.column), quoted(s.values))
		b.act(Quarantine, Args{Column: s.column, Values: s.values}, where)
		b.act(Notify, Args{}, where)
	case DQFailuresMajor:
		b.escalate(Args{Hold: true}, b.failures())
	case JobFailed:
		b.retriggerFailed()
	case RepeatedFailures:
		b.escalate(Args{PauseSchedule: true, Message: history(b.facts)},
			fmt.Sprintf("%d runs failed in a row", failuresInARow(b.facts)))
	case SourceGap:
		n, _ := gone(b.facts)
		b.escalate(Args{}, fmt.Sprintf("%d offsets were gone before they were read", n))
	case RuleError:
		b.ruleErrors()
	case Healthy: // loads, and needs nothing else
	default:
		r, _ := b.policy.byRule(c) // every other condition is a rule's
		b.rule(r)
	}
}

// failures says how much fails, and what fails as a whole.
func (b *bounds) failures() string {
	minor, major := wholesale(b.facts)
	var parts []string
	if share := failing(b.facts); share.some() {
		parts = append(parts, fmt.Sprintf("%s of the records fail; the line is %s", percentText(share.share), percentText(b.policy.DQMajor)))
	}
	if all := slices.Concat(major, minor); len(all) > 0 {
		parts = append(parts, "failed as a whole: "+list(all))
	}
	return strings.Join(parts, "; ")
}

// choose demands one of several fit answers.
func (b *bounds) choose(actions ...Action) { b.OneOf = append(b.OneOf, actions) }

// act plans an action, or merges it into the one that is planned already. It
// is mandatory unless there is a choice (see choose). What the agent may not do
// alone becomes an escalation that holds the batch.
func (b *bounds) act(a Action, args Args, reason string) {
	if why := b.policy.forbids(a); why != "" {
		// A run that isn't started needs no batch to be held, unless one is there.
		hold := !(a == Retrigger || isOwn(a)) || !failed(b.facts)
		b.escalate(withFields(Args{Hold: hold}, args.Fields), fmt.Sprintf("%s, so a person decides on %s: %s", why, a, reason))
		return
	}
	b.Allowed = append(b.Allowed, a)
	if a == Quarantine || a == Escalate || a == Notify || b.demanded {
		b.Mandatory = append(b.Mandatory, a)
	}
	for i := range b.Default {
		if b.Default[i].Action == a {
			b.Default[i].Args = merge(b.Default[i].Args, args)
			b.Default[i].Reason += "; " + reason
			return
		}
	}
	b.Default = append(b.Default, Planned{Action: a, Args: args, Reason: reason})
}

// merge joins two actions' arguments: the stronger one of each.
func merge(a, o Args) Args {
	a.Fields = append(a.Fields, o.Fields...)
	if a.Column == "" {
		a.Column, a.Values = o.Column, o.Values
	}
	a.Hold = a.Hold || o.Hold
	a.PauseSchedule = a.PauseSchedule || o.PauseSchedule
	a.BackoffS = max(a.BackoffS, o.BackoffS)
	if a.Own == nil {
		a.Own = o.Own
	}
	if a.Message == "" {
		a.Message = o.Message
	}
	if a.Mapping == nil {
		a.Mapping, a.Advice = o.Mapping, cmp.Or(a.Advice, o.Advice)
	}
	if !slices.Contains(strings.Split(a.Cause, "+"), o.Cause) {
		a.Cause += "+" + o.Cause
	}
	return a
}

// escalate plans an escalation. Its cause is the condition alone until all are
// answered.
func (b *bounds) escalate(args Args, reason string) {
	args.Cause = string(b.condition)
	if b.condition == SchemaDriftBreaking {
		// Another field is another cause: it has its own people and its own cure.
		args.Cause += "/" + b.driftCause()
	}
	b.act(Escalate, args, reason)
}

// maxCause bounds what data's own names may add to a cause.
const maxCause = 200

func (b *bounds) driftCause() string {
	_, breaking := b.policy.drift(b.facts)
	fields := make([]string, 0, len(breaking))
	for _, d := range breaking {
		fields = append(fields, string(d.Kind)+":"+d.Field)
	}
	slices.Sort(fields)
	return clip(strings.ReplaceAll(strings.Join(slices.Compact(fields), ","), "+", " "), maxCause)
}

// cause completes the default escalation's cause with the pipeline's name. An
// escalation that a proposer adds has all conditions as its cause.
func (b *bounds) cause() string {
	for i := range b.Default {
		if a := &b.Default[i]; a.Action == Escalate {
			a.Args.Cause = b.facts.Report.Pipeline + "/" + a.Args.Cause
			return a.Args.Cause
		}
	}
	all := make([]string, 0, len(b.Conditions))
	for _, m := range b.Conditions {
		all = append(all, string(m.Name))
	}
	return b.facts.Report.Pipeline + "/" + strings.Join(all, "+")
}

// remap takes new fields up, once a run: a second time the same drift is still
// there, so the first didn't help.
func (b *bounds) remap() {
	additive, _ := b.policy.drift(b.facts)
	fields := names(additive)
	tried := slices.ContainsFunc(b.facts.Tried, func(a Attempt) bool { return a.Action == Remap })
	switch {
	case tried:
		b.escalate(Args{Hold: true}, "new fields are still there after a remap: "+quoted(fields))
	case len(fields) > b.policy.Drift.MaxNewFields:
		b.escalate(withFields(Args{Hold: true}, fields),
			fmt.Sprintf("%d new fields in one batch are more than policy.drift.max_new_fields (%d): %s", len(fields), b.policy.Drift.MaxNewFields, quoted(fields)))
	case b.policy.Drift.MaxRemaps > 0 && b.facts.Remaps >= b.policy.Drift.MaxRemaps:
		b.escalate(withFields(Args{Hold: true}, fields), fmt.Sprintf("%d remaps in a day are as many as policy.drift.max_remaps allows, and there are new fields again: %s", b.facts.Remaps, quoted(fields)))
	default:
		b.choose(Remap, Escalate)
		b.act(Remap, Args{Fields: fields}, "new nullable columns: "+quoted(fields))
	}
}

// withFields advises to take new fields up, which is what the agent would have
// done.
func withFields(a Args, fields []string) Args {
	if len(fields) > 0 {
		a.Advice, a.Mapping = pipeline.Replay, &pipeline.Mapping{Add: fields}
	}
	return a
}

func (b *bounds) retriggerLate() {
	b.choose(Retrigger, Log, Escalate)
	late := percentText(lateness(b.facts).share) + " of the records are late"
	if b.facts.Retriggers >= b.policy.Retrigger.MaxChain {
		b.act(Log, Args{}, fmt.Sprintf("%s; %d runs in a row were retriggered (policy.retrigger.max_chain is %d): the schedule goes on",
			late, b.facts.Retriggers, b.policy.Retrigger.MaxChain))
		return
	}
	b.act(Retrigger, Args{}, late+": look for more at once")
}

func (b *bounds) retriggerFailed() {
	b.choose(Retrigger, Escalate)
	what := "the run failed"
	x := b.facts.Report.Failure
	if x != nil {
		what = failureLine(*x)
	}
	if b.facts.Retriggers >= b.policy.Retrigger.MaxChain {
		b.escalate(Args{Message: history(b.facts)}, fmt.Sprintf("%s; %d runs in a row were retriggered (policy.retrigger.max_chain is %d)",
			what, b.facts.Retriggers, b.policy.Retrigger.MaxChain))
		return
	}
	b.act(Retrigger, Args{BackoffS: b.backoff()}, what)
	if x == nil {
		return
	}
	// A retry can't heal these: somebody must hear of them at the first time.
	switch x.Kind {
	case pipeline.Bug:
		b.escalate(Args{}, what)
	case pipeline.Misconfigured:
		b.act(Notify, Args{}, what)
	}
}

// backoff doubles with every run of the chain.
func (b *bounds) backoff() int64 {
	d := min(b.policy.Retrigger.Backoff, b.policy.Retrigger.MaxBackoff)
	for i := 0; i < b.facts.Retriggers && d < b.policy.Retrigger.MaxBackoff; i++ {
		d = min(2*d, b.policy.Retrigger.MaxBackoff)
	}
	return seconds(d)
}

// seconds rounds up: a wait is never cut to nothing.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// budget hands a batch to a person if too much of it would stay out. The
// quarantine stays planned, as the matrix says: it is what a release carries
// out, and a batch that is held has nothing else in the table.
func (b *bounds) budget() {
	if !slices.ContainsFunc(b.Default, func(p Planned) bool { return p.Action == Quarantine }) {
		return
	}
	in, _ := b.policy.localized(b.facts)
	out := b.staysOut(in)
	if out.cmp(b.policy.QuarantineMaxShare) <= 0 {
		return
	}
	for _, m := range b.Conditions {
		if m.Name == SchemaDriftBreaking || m.Name == DQFailuresLocalized {
			b.condition = m.Name
			b.escalate(Args{Hold: true}, fmt.Sprintf("a quarantine would keep %s of the batch out, more than policy.quarantine_max_share (%s)",
				percentText(out.share), percentText(b.policy.QuarantineMaxShare)))
		}
	}
}

// staysOut is what a quarantine of a segment's failing records would keep out,
// from above: a record with two findings is counted twice. New fields keep
// nothing out: such records conform otherwise, and load.
func (b *bounds) staysOut(in segment) portion {
	read, n, uncounted := b.facts.Report.Records.Read, max(0, b.facts.Report.Records.Malformed), 0.0
	_, breaking := b.policy.drift(b.facts)
	for _, d := range breaking {
		switch {
		case d.Kind == pipeline.FieldAdded:
		case d.Count > 0:
			n += d.Count
		default:
			uncounted += part(0, 0, d.Share).share
		}
	}
	n += in.failed
	if uncounted > 0 {
		return part(0, 0, min(1, uncounted+part(n, read, 0).share))
	}
	return part(n, read, 0)
}

// failureLine is a failure in one line.
func failureLine(x pipeline.Failure) string {
	return fmt.Sprintf("stage %s failed (%s): %s", clip(x.Stage, maxName), clip(string(x.Kind), maxName), clip(x.Error, maxError))
}

// maxHistory is how many failures a message tells.
const maxHistory = 5

// history tells a person what failed, newest first, and what was tried.
func history(f Facts) string {
	var lines []string
	if x := f.Report.Failure; x != nil {
		lines = append(lines, "now: "+failureLine(*x))
	}
	for i, x := range f.LastErrors[:min(len(f.LastErrors), maxHistory)] {
		lines = append(lines, fmt.Sprintf("%d before: %s", i+1, failureLine(x)))
	}
	if f.Retriggers > 0 {
		lines = append(lines, fmt.Sprintf("tried: %d retriggers with backoff", f.Retriggers))
	}
	for _, t := range f.Tried[:min(len(f.Tried), maxHistory)] {
		lines = append(lines, fmt.Sprintf("tried: %s: %s", clip(string(t.Action), maxName), clip(t.Outcome, maxName)))
	}
	return strings.Join(lines, "\n")
}
