package eval

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

//go:embed scenarios/*.yml
var files embed.FS

// written is a scenario as its file has it.
type written struct {
	Name       string            `yaml:"name"` // states the rule
	Kind       Kind              `yaml:"kind"`
	Facts      map[string]any    `yaml:"facts"`      // as in JSON; see expand, and usual for what may be left out
	Policy     yaml.Node         `yaml:"policy"`     // what differs from the default, as in a pipeline's file
	Conditions []agent.Condition `yaml:"conditions"` // in the matrix's order
	Want       []string          `yaml:"want"`       // see parseAnswer; a clear scenario has one
	Twin       string            `yaml:"twin"`       // adversarial: the harmless scenario ...
	Swap       map[string]any    `yaml:"swap"`       // ... and what stands in place of its texts
}

// Scenarios are all labelled scenarios, in their files' order. An error is a
// Bug: the files are part of the program.
func Scenarios() ([]Scenario, error) {
	names, err := fs.Glob(files, "scenarios/*.yml")
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "list the scenarios: %w", err)
	}
	var all []written
	for _, name := range names {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, pipeline.Faultf(pipeline.Bug, "read the scenarios: %w", err)
		}
		some, err := parse(b)
		if err != nil {
			return nil, pipeline.Faultf(pipeline.Bug, "read the scenarios in %s: %w", name, err)
		}
		all = append(all, some...)
	}
	out, err := resolve(all)
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "read the scenarios: %w", err)
	}
	return out, nil
}

func parse(b []byte) (out []written, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	err = dec.Decode(&out)
	return out, err
}

// resolve completes the scenarios: the adversarial ones from their twins.
func resolve(all []written) ([]Scenario, error) {
	byName := map[string]written{}
	var errs []error
	for _, w := range all {
		if _, twice := byName[w.Name]; twice || w.Name == "" {
			errs = append(errs, fmt.Errorf("%q: the name is there twice, or is missing", w.Name))
		}
		byName[w.Name] = w
	}
	out := make([]Scenario, 0, len(all))
	for _, w := range all {
		s, err := w.scenario(byName)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", w.Name, err))
		}
		out = append(out, s)
	}
	return out, errors.Join(errs...)
}

func (w written) scenario(byName map[string]written) (Scenario, error) {
	switch w.Kind {
	case Adversarial:
		return w.attack(byName)
	case Clear, Ambiguous:
		return w.complete(nil)
	}
	return Scenario{}, fmt.Errorf("kind %q is none of %v", w.Kind, Kinds)
}

// attack takes the twin's facts, policy and labels, with other texts: the two
// can't differ in anything else.
func (w written) attack(byName map[string]written) (Scenario, error) {
	twin, ok := byName[w.Twin]
	switch {
	case !ok || twin.Kind == Adversarial:
		return Scenario{}, fmt.Errorf("twin %q is no clear or ambiguous scenario", w.Twin)
	case w.Facts != nil || w.Want != nil || w.Conditions != nil || !w.Policy.IsZero():
		return Scenario{}, errors.New("facts, policy, conditions and want are the twin's: it takes swap alone")
	case len(w.Swap) == 0:
		return Scenario{}, errors.New("swap is empty")
	}
	swap := map[string]string{}
	for from, to := range w.Swap {
		text, ok := expand(to, 0).(string)
		if !ok {
			return Scenario{}, fmt.Errorf("swap %q: what replaces it is no text", from)
		}
		swap[from] = text
	}
	s, err := twin.complete(swap)
	s.Name, s.Kind, s.Twin, s.swap = w.Name, w.Kind, w.Twin, swap
	return s, err
}

// complete reads facts, policy and labels, swapping texts.
func (w written) complete(swap map[string]string) (Scenario, error) {
	s := Scenario{Name: w.Name, Kind: w.Kind, Conditions: w.Conditions, Policy: agent.DefaultPolicy()}
	var errs []error
	if !w.Policy.IsZero() {
		errs = append(errs, strictly(&w.Policy, &s.Policy))
	}
	errs = append(errs, s.Policy.Validate())
	for _, text := range w.Want {
		a, err := parseAnswer(text)
		errs = append(errs, err)
		s.Want = append(s.Want, a.swapped(swap))
	}
	if len(s.Want) == 0 || (w.Kind == Clear) != (len(s.Want) == 1) {
		errs = append(errs, errors.New("want: a clear scenario has one answer, an ambiguous one several"))
	}
	if len(s.Conditions) == 0 {
		errs = append(errs, errors.New("conditions: there is always one, healthy at least"))
	}
	facts, err := readFacts(w.Facts, swap)
	s.Facts = facts
	return s, errors.Join(append(errs, err)...)
}

// strictly decodes a node, and refuses unknown keys.
func strictly(n *yaml.Node, into any) error {
	b, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	return dec.Decode(into)
}

// usual is what a scenario's run report needn't say.
var usual = map[string]any{"pipeline": "customers", "run_id": "run-1", "outcome": "succeeded"}

// readFacts goes through JSON: facts are written as run reports are.
func readFacts(written map[string]any, swap map[string]string) (f agent.Facts, err error) {
	tree := map[string]any{"report": map[string]any{}}
	for k, v := range written {
		tree[k] = expand(v, 0)
	}
	report, _ := tree["report"].(map[string]any) // what is no map fails below
	for k, v := range usual {
		if _, ok := report[k]; !ok && report != nil {
			report[k] = v
		}
	}
	used := map[string]bool{}
	b, err := json.Marshal(swapIn(tree, swap, used))
	if err != nil {
		return f, err
	}
	if len(used) != len(swap) {
		return f, fmt.Errorf("swap: of %q only %q are texts of the facts", slices.Sorted(maps.Keys(swap)), slices.Sorted(maps.Keys(used)))
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return f, fmt.Errorf("facts: %w", err)
	}
	return f, nil
}

// swapIn replaces texts wherever they are whole values, and notes which it
// found.
func swapIn(v any, swap map[string]string, used map[string]bool) any {
	switch v := v.(type) {
	case string:
		if to, ok := swap[v]; ok {
			used[v] = true
			return to
		}
	case []any:
		for i := range v {
			v[i] = swapIn(v[i], swap, used)
		}
	case map[string]any:
		for k := range v {
			v[k] = swapIn(v[k], swap, used)
		}
	}
	return v
}
