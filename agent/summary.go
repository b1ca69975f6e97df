package agent

import (
	"encoding/json"
	"fmt"
	"strings"
)

// summary is one paragraph with the numbers that a person needs: what the run
// saw, what is wrong about it, and what is done.
func summary(f Facts, b Bounds, actions []Planned) string {
	var s strings.Builder
	if r := f.Report.Records; r.Read > 0 {
		fmt.Fprintf(&s, "%d records read: %d clean, %d suspect, %d malformed. ", r.Read, r.Clean, r.Suspect, r.Malformed)
	}
	for _, m := range b.Conditions {
		s.WriteString(tell(f, m))
	}
	if len(actions) == 0 {
		return s.String() + "Nothing to do: load."
	}
	does := make([]string, 0, len(actions))
	for _, a := range actions {
		does = append(does, doing(a))
	}
	return s.String() + "So: " + strings.Join(does, ", ") + "."
}

// tell says what a condition's evidence shows.
func tell(f Facts, m Met) string {
	e := m.Evidence
	switch m.Name {
	case SchemaDriftAdditive, SchemaDriftBreaking:
		return fmt.Sprintf("%s: %s%s, in up to %s of the records. ",
			capital(sentence(m.Name)), strings.Join(e["fields"].([]string), ", "), more(e["number"].(int)), percentText(e["largest_share"].(float64)))
	case LateArrivalsMinor, LateArrivalsMajor:
		return fmt.Sprintf("%s of the records are late (the line is %s), the latest by %d s. ",
			percentText(lateness(f).share), percentText(e["line"].(float64)), f.Report.Late.MaxLatenessS)
	case DQFailuresMinor, DQFailuresMajor:
		return quality(failing(f), e)
	case DQFailuresLocalized:
		return fmt.Sprintf("%d of the %d records with %s %s fail, and %d of the %d others. ",
			e["failed_inside"], e["records_inside"], quote(e["column"].(string)), quoted(e["values"].([]string)),
			e["failed_outside"], e["records_outside"])
	case JobFailed, RepeatedFailures:
		return failureText(f)
	case SourceGap:
		return fmt.Sprintf("%d offsets were gone before they were read, in %d gaps. ", e["offsets"], e["gaps"])
	case Healthy:
		return "Nothing is wrong. "
	case RuleError:
		return fmt.Sprintf("%d rules couldn't be evaluated. ", len(e["errors"].([]string)))
	}
	return fmt.Sprintf("Rule %s holds: %s. ", m.Name, clip(fmt.Sprint(e["when"]), maxError))
}

func quality(share portion, e map[string]any) string {
	s := fmt.Sprintf("%s of the records fail a rule (the line is %s)", percentText(share.share), percentText(e["line"].(float64)))
	if share.total > 0 {
		s = fmt.Sprintf("%d records, %s", share.count, strings.Replace(s, "of the records", "of all,", 1))
	}
	if failed, ok := e["table_expectations"].([]string); ok {
		s += "; failed as a whole: " + strings.Join(failed, ", ")
	}
	return s + ". "
}

func more(number int) string {
	if number > maxNames {
		return fmt.Sprintf(" and %d more", number-maxNames)
	}
	return ""
}

// doing is an action with what it is done to.
func doing(a Planned) string {
	switch {
	case a.Action == Remap:
		return "remap " + quoted(a.Args.Fields)
	case a.Action == Quarantine && a.Args.Column != "":
		return fmt.Sprintf("quarantine the failing records with %s %s", quote(a.Args.Column), quoted(a.Args.Values))
	case a.Action == Quarantine:
		return "quarantine what doesn't conform"
	case a.Action == Retrigger && a.Args.BackoffS > 0:
		return fmt.Sprintf("retrigger in %d s", a.Args.BackoffS)
	case a.Action == Escalate && a.Args.Hold:
		return "escalate and hold the batch" + advised(a.Args)
	case a.Action == Escalate && a.Args.PauseSchedule:
		return "escalate and pause the schedule" + advised(a.Args)
	}
	return string(a.Action) + advised(a.Args)
}

// maxAdvice bounds a mapping in a summary, in bytes; the incident has it whole.
const maxAdvice = 300

// advised is what a person could answer, in the words of the command line.
func advised(a Args) string {
	switch b, _ := json.Marshal(a.Mapping); { // strings and JSON always encode
	case a.Mapping != nil && len(b) > maxAdvice:
		return " (advised: replay with the incident's mapping)"
	case a.Mapping != nil:
		return " (advised: replay with the mapping " + string(b) + ")"
	case a.Advice != "":
		return " (advised: " + a.Advice + ")"
	}
	return ""
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func failureText(f Facts) string {
	s := "The run failed"
	if x := f.Report.Failure; x != nil {
		s = capital(failureLine(*x))
	}
	if n := failuresInARow(f); n > 1 {
		s += fmt.Sprintf("; %d failed runs in a row", n)
	}
	return s + ". "
}
