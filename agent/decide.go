package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Rules proposes what the matrix does by default. It never fails.
type Rules struct{}

// Name is "rules".
func (Rules) Name() string { return "rules" }

// Propose gives the bounds' own default.
func (Rules) Propose(_ context.Context, f Facts, b Bounds) (Proposal, error) {
	return Proposal{By: "rules", Actions: b.Default, Summary: summary(f, b, b.Default)}, nil
}

// Decide makes one decision: bounds, proposal, guard. A proposal that fails, is
// late, or isn't let through falls back to rules, and the decision says why.
// The same facts, policy and proposal give the same decision and ID, so that a
// retried activity finds its own; now is only noted. An error means that there
// are no usable facts (BadData) or no usable policy (Misconfigured).
func Decide(ctx context.Context, f Facts, p Policy, prop Proposer, now time.Time, runID string) (Decision, error) {
	if err := p.Validate(); err != nil {
		return Decision{}, pipeline.Faultf(pipeline.Misconfigured, "decide on run %s: %w", runID, err)
	}
	f, _, err := readBack(f)
	if err != nil {
		return Decision{}, pipeline.Faultf(pipeline.BadData, "decide on run %s: encode its facts: %w", runID, err)
	}
	digest, err := digest(f)
	if err != nil {
		return Decision{}, err
	}
	b := p.Bounds(f)
	d := Decision{
		Pipeline: f.Report.Pipeline, RunID: runID, At: now.UTC(), Conditions: b.Conditions,
		Allowed: b.Allowed, Mandatory: b.Mandatory, Facts: digest,
	}
	d.choose(ctx, f, b, prop)
	d.Severity, d.StaysOut = severity(d), d.staysOut(f)
	d.ID, err = decisionID(d, p)
	return d, err
}

// choose asks the proposer, and falls back to rules.
func (d *Decision) choose(ctx context.Context, f Facts, b Bounds, prop Proposer) {
	proposal, err := prop.Propose(ctx, f, b)
	d.Proposal, err = recordable(proposal, prop.Name(), err)
	chosen := complete(d.Proposal, b)
	if err == nil {
		err = Guard(b, chosen)
	}
	d.By, d.Actions = prop.Name(), chosen.Actions
	if err != nil {
		d.Fallback = prop.Name() + ": " + clip(err.Error(), maxText)
		d.By, d.Actions = Rules{}.Name(), b.Default
	}
	if d.Actions == nil {
		d.Actions = []Planned{}
	}
	d.Summary = summary(f, b, d.Actions)
	if d.By != (Rules{}).Name() && chosen.Summary != "" {
		d.Summary += " " + d.By + " says: " + clip(chosen.Summary, maxError)
		if chosen.RootCause != "" {
			d.Summary += " Likely cause: " + clip(chosen.RootCause, maxError)
		}
	}
}

// complete gives an escalation the cause that isn't the proposer's to choose.
func complete(p Proposal, b Bounds) Proposal {
	p.Actions = slices.Clone(p.Actions)
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Action == Escalate && a.Args.Cause == "" {
			a.Args.Cause = b.Cause
		}
	}
	return p
}

// recordable makes a proposal fit for the log, and for being judged from there
// once more: who made it and why it failed aren't the proposer's to say. Bytes
// that are no text fail it: the guard would judge something else than what the
// log shows.
func recordable(p Proposal, by string, failed error) (Proposal, error) {
	if len(p.Raw) > 0 {
		p.Raw = kept(p.Raw)
	}
	out, same, err := readBack(p)
	if failed == nil && err == nil && !same {
		err = errors.New("one of its texts is no text at all: bytes that are no UTF-8")
	}
	if failed == nil {
		failed = err
	}
	out.By, out.Failed = by, ""
	if failed != nil {
		out.Failed = clip(failed.Error(), maxText)
	}
	return out, failed
}

// maxRaw bounds what the log keeps of a model's answer, in bytes: a plan takes a
// fraction of it.
const maxRaw = 16 << 10

// kept is a model's answer as the log keeps it: if it is no JSON, or more than a
// plan can be, its beginning as a text. What was kept once is kept as it is.
func kept(raw json.RawMessage) json.RawMessage {
	if b, err := json.Marshal(raw); err == nil && len(b) <= maxRaw {
		return b
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	b, _ := json.Marshal(strings.ToValidUTF8(text[:min(len(text), maxRaw)], "")) // a string always encodes
	return b
}

// readBack gives a value as a log gives it back, and whether that encodes to
// the same: bytes that are no UTF-8 are written as another text than what is
// then read. Deciding on what was read lets a decision be made again.
func readBack[T any](v T) (out T, same bool, err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return out, false, err
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, false, err
	}
	again, err := json.Marshal(out)
	return out, bytes.Equal(b, again), err
}

// Digest identifies facts: SHA-256 of their JSON, in hexadecimal. Facts that
// were read back from a log have the digest that they were written with.
func Digest(f Facts) (string, error) {
	stable, _, err := readBack(f)
	if err != nil {
		return "", pipeline.Faultf(pipeline.BadData, "encode the facts of run %s: %w", f.Report.RunID, err)
	}
	return digest(stable)
}

// digest is Digest of facts that were read back.
func digest(f Facts) (string, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return "", pipeline.Faultf(pipeline.Bug, "encode the facts of run %s: %w", f.Report.RunID, err)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// decisionID binds run, facts, policy and actions, so that a retried activity
// finds its own decision in the log.
func decisionID(d Decision, p Policy) (string, error) {
	b, err := json.Marshal([]any{d.RunID, d.Facts, p, d.By, d.Actions})
	if err != nil {
		return "", pipeline.Faultf(pipeline.Bug, "encode the decision of run %s: %w", d.RunID, err)
	}
	h := sha256.Sum256(b)
	return "dec-" + hex.EncodeToString(h[:8]), nil
}

func severity(d Decision) string {
	e, escalates := d.Find(Escalate)
	_, notifies := d.Find(Notify)
	_, quarantines := d.Find(Quarantine)
	meets := func(is func(Met) bool) bool { return slices.ContainsFunc(d.Conditions, is) }
	critical := meets(func(m Met) bool { return m.Name == RepeatedFailures || m.Name == SourceGap || m.Severity == "critical" })
	warns := meets(func(m Met) bool { return m.Name == JobFailed || m.Severity == "warning" })
	switch {
	case critical || (escalates && e.Args.Hold):
		return "critical"
	case escalates || quarantines || notifies || warns:
		return "warning"
	}
	return "info"
}
