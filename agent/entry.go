package agent

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// facets are what an entry is about, whatever its kind.
type facets struct {
	id, run, decision string
	conditions        []Met
	actions           []Planned
	by, fallback      string
	severity, text    string
}

// facets reads the body. A body that can't be read has none but the ID: whether
// it may look like that is for the chain to say.
func (e Entry) facets() facets {
	f := facets{id: e.ID}
	switch e.Kind {
	case KindDecision:
		var r Recorded
		if json.Unmarshal(e.Body, &r) == nil {
			d := r.Decision
			f.run, f.decision, f.conditions, f.actions = d.RunID, d.ID, d.Conditions, d.Actions
			f.by, f.fallback, f.severity, f.text = d.By, d.Fallback, d.Severity, d.Summary
		}
	case KindShadow:
		var s Shadow
		if json.Unmarshal(e.Body, &s) == nil {
			f.decision, f.actions, f.by, f.fallback, f.text = s.Decision, s.Proposal.Actions, s.Proposal.By, s.Refused, "would "+s.stance()
		}
	case KindExecuted:
		var x Executed
		if json.Unmarshal(e.Body, &x) == nil {
			f.run, f.decision, f.text = x.RunID, x.Decision, fmt.Sprintf("%d actions, run %s", len(x.Done), x.RunID)
			for _, t := range x.Done {
				f.actions = append(f.actions, Planned{Action: t.Action})
			}
		}
	case KindSwitch:
		var s Switch
		if json.Unmarshal(e.Body, &s) == nil {
			f.id, f.by = "kill switch "+map[bool]string{true: "on", false: "off"}[s.On], s.By
			f.text = strings.TrimSpace("by " + s.By + " " + s.Reason)
		}
	case KindRequest:
		var r PersonRequest
		if json.Unmarshal(e.Body, &r) == nil {
			f.id, f.by = r.Target, r.By
			f.text = fmt.Sprintf("%s by %s (%s, %s)", r.What, r.By, r.Role, r.Via)
		}
	case KindAnswer:
		var r pipeline.Resolution
		if json.Unmarshal(e.Body, &r) == nil {
			f.id, f.decision, f.by = r.Incident, r.Decision, r.By
			f.text = strings.TrimSpace(fmt.Sprintf("%s by %s %s", r.Resolution, r.By, r.Comment))
		}
	}
	return f
}

// Line is the entry in a few words.
func (e Entry) Line() string {
	f := e.facets()
	switch {
	case f.text == "":
		return e.ID
	case e.Kind == KindSwitch:
		return f.id + " " + f.text
	case e.Kind == KindShadow:
		return f.decision + "  " + f.by + " " + f.text
	}
	return f.id + "  " + f.text
}

// About are the IDs of the decision, incident and run that the entry is about.
func (e Entry) About() []string {
	f := e.facets()
	return []string{e.ID, f.id, f.decision, f.run}
}

// RowHeader names the cells of Row.
var RowHeader = []string{"seq", "at", "kind", "id", "decision", "run_id", "conditions", "actions", "by", "fallback", "severity", "text", "hash"}

// Row is the entry as one line of a table, without the numbers behind it.
func (e Entry) Row() []string {
	f := e.facets()
	conditions := make([]string, 0, len(f.conditions))
	for _, m := range f.conditions {
		conditions = append(conditions, string(m.Name))
	}
	actions := make([]string, 0, len(f.actions))
	for _, a := range f.actions {
		actions = append(actions, string(a.Action))
	}
	return []string{
		strconv.FormatInt(e.Seq, 10), e.At.Format(time.RFC3339Nano), string(e.Kind), e.ID, f.decision, f.run,
		strings.Join(conditions, " "), strings.Join(actions, " "), f.by, f.fallback, f.severity, f.text, e.Hash,
	}
}
