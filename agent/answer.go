package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// answer is what a model may say: a choice of words and IDs that the question
// gave it, and two texts for people.
type answer struct {
	Evidence  []string `json:"evidence"`
	RootCause string   `json:"root_cause"`
	Choice1   Action   `json:"choice1"`
	Choice2   Action   `json:"choice2"`
	Choice3   Action   `json:"choice3"`
	Choice4   Action   `json:"choice4"`
	Actions   []Action `json:"actions"`
	Hold      bool     `json:"hold"`
	Segment   string   `json:"segment"`
	WaitS     *int64   `json:"wait_s"`
	Mapping   []string `json:"mapping"`
	Advice    string   `json:"advice"`
	Summary   string   `json:"summary"`
}

// read decodes an answer and holds it against the question's schema, whatever
// the provider has promised. Nothing is guessed or repaired.
func (q question) read(raw string) (answer, error) {
	var a answer
	if !utf8.ValidString(raw) {
		return a, errors.New("the answer is no UTF-8")
	}
	if err := decode([]byte(raw), &a); err != nil {
		return a, fmt.Errorf("the answer isn't the JSON that was asked for: %w", err)
	}
	return a, errors.Join(
		among("evidence", a.Evidence, ids("f", len(q.facts)), maxCited),
		q.chosen(a),
		among("actions", strs(a.Actions), strs(q.extra), len(q.extra)),
		among("mapping", a.Mapping, ids("m", len(q.bounds.Mends)), maxMends),
		q.word("segment", a.Segment, ids("s", len(q.bounds.Segments))),
		q.word("advice", a.Advice, append(slices.Clone(advices), "none")),
		between("wait_s", a.wait(q.least()), q.least(), q.bounds.MaxBackoffS, q.canWait || a.WaitS == nil),
		atMost("root_cause", a.RootCause, maxRootCause),
		atMost("summary", a.Summary, maxSummary),
	)
}

// choices are an answer's, by place.
func (a answer) choices() []Action { return []Action{a.Choice1, a.Choice2, a.Choice3, a.Choice4} }

// chosen checks that each choice was made, and none that wasn't asked for.
func (q question) chosen(a answer) error {
	for i, got := range a.choices() {
		switch {
		case i >= len(q.choices) && got != "":
			return fmt.Errorf("%s wasn't asked for", choice(i))
		case i < len(q.choices) && !slices.Contains(q.choices[i], got):
			return fmt.Errorf("%s is %s: one of %s is needed", choice(i), quote(string(got)), list(q.choices[i]))
		}
	}
	return nil
}

func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

func (a answer) wait(least int64) int64 {
	if a.WaitS == nil {
		return least
	}
	return *a.WaitS
}

// among checks a list, which stands for a set: a schema can't keep models from
// saying a word twice.
func among(key string, got, allowed []string, most int) error {
	for _, g := range got {
		if !slices.Contains(allowed, g) {
			return fmt.Errorf("%s has %s, which is none of %s", key, quote(g), list(allowed))
		}
	}
	if len(got) > most {
		return fmt.Errorf("%s has %d items; %d are the most", key, len(got), most)
	}
	return nil
}

// word checks a single choice; leaving it out keeps the default.
func (q question) word(key, got string, allowed []string) error {
	if got == "" {
		return nil
	}
	return among(key, []string{got}, allowed, 1)
}

func between(key string, v, lo, hi int64, asked bool) error {
	if !asked || v < lo || v > hi {
		return fmt.Errorf("%s %d is not between %d and %d, or wasn't asked for", key, v, lo, hi)
	}
	return nil
}

func atMost(key, s string, n int) error {
	if utf8.RuneCountInString(s) > n {
		return fmt.Errorf("%s is longer than %d characters", key, n)
	}
	return nil
}

// plan turns a choice into actions: the mandatory ones come from policy, the
// arguments from the facts.
func (q question) plan(a answer) []Planned {
	chosen := append(slices.Clone(q.bounds.Mandatory), a.Actions...)
	chosen = append(chosen, a.choices()[:len(q.choices)]...)
	remaps := slices.Contains(chosen, Remap)
	if q.mustHold(chosen, a) && !slices.Contains(chosen, Escalate) {
		chosen = append(chosen, Escalate)
	}
	out := make([]Planned, 0, len(chosen))
	for _, action := range byOrder(chosen) {
		p, _ := q.def(action)
		why := clip(plain(a.RootCause), maxRootCause)
		if p.Reason == "" {
			p.Reason = why
		}
		switch action {
		case Quarantine:
			if i := slices.Index(ids("s", len(q.bounds.Segments)), a.Segment); i >= 0 {
				p.Args.Column, p.Args.Values = q.bounds.Segments[i].Column, q.bounds.Segments[i].Values
			}
		case Retrigger:
			p.Args.BackoffS = a.wait(q.least())
		case Escalate:
			p.Args.Hold = p.Args.Hold || q.mustHold(chosen, a)
			p.Args.Cause = q.bounds.Cause
			q.advise(&p.Args, a, remaps)
		case Log, Notify:
			if p.Args.Message == "" {
				p.Args.Message = clip(plain(a.Summary), maxSummary)
			}
		}
		out = append(out, p)
	}
	return out
}

// mustHold reports whether a person has to be waited for: the model wants it,
// or new fields would be dropped.
func (q question) mustHold(chosen []Action, a answer) bool {
	leaves := slices.Contains(q.bounds.Allowed, Remap) && !slices.Contains(chosen, Remap)
	return a.Hold && q.canHold || leaves
}

// advise puts the model's advice in place of the default's, if it has any.
func (q question) advise(args *Args, a answer, remaps bool) {
	if advice := strings.TrimPrefix(a.Advice, "none"); advice != "" {
		args.Advice, args.Mapping = advice, nil
	}
	if m := q.mapping(a, remaps); m != nil {
		args.Advice, args.Mapping = pipeline.Replay, m
	}
}

// mapping is the advised mapping. A field that becomes a column of its own
// is neither renamed nor added once more.
func (q question) mapping(a answer, remaps bool) *pipeline.Mapping {
	var chosen []Mend
	for _, m := range q.bounds.Mends {
		if slices.Contains(a.Mapping, m.ID) && !(remaps && (m.From != "" || m.Add)) {
			chosen = append(chosen, m)
		}
	}
	return mapping(chosen)
}

// cited are the facts that an answer rests on, in words.
func (q question) cited(a answer) []string {
	var out []string
	for i, id := range ids("f", len(q.facts)) {
		if slices.Contains(a.Evidence, id) {
			out = append(out, q.unfenced(q.facts[i]))
		}
	}
	return out
}

// unfenced shows a prompt's line to people.
func (q question) unfenced(s string) string {
	return strings.NewReplacer("<"+q.fence.token+">", `"`, "</"+q.fence.token+">", `"`).Replace(s)
}
