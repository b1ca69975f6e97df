package pages

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// funcs are what templates may call.
func (p *Site) funcs() template.FuncMap {
	return template.FuncMap{
		"ago":      func(t time.Time) string { return ago(p.desk.Now().Sub(t)) },
		"time":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"rfc3339":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"count":    count,
		"share":    share,
		"ms":       func(n int64) string { return duration(time.Duration(n) * time.Millisecond) },
		"duration": duration,
		"seconds":  func(n int64) string { return duration(time.Duration(n) * time.Second) },
		"bytes":    byteCount,
		"words":    words,
		"json":     asJSON,
		"temporal": p.temporalLink,
		"tone":     tone,
		"icon":     icon,
		"short":    short,
		"dict":     dict,
		"reversed": reversed,
		"counts":   sortedCounts,
	}
}

// temporalLink is a workflow's page in Temporal's Web UI; without a run ID it
// is that of its newest run.
func (p *Site) temporalLink(workflowID, runID string) string {
	t := p.desk.Config.Temporal
	if t.WebUI == "" || workflowID == "" {
		return ""
	}
	link := fmt.Sprintf("%s/namespaces/%s/workflows/%s", t.WebUI, t.Namespace, url.PathEscape(workflowID))
	if runID != "" {
		link += "/" + url.PathEscape(runID) + "/history"
	}
	return link
}

// ago is a time gone by, in its greatest unit.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in " + strings.TrimSuffix(ago(-d), " ago")
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s ago"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days ago"
}

func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 72*time.Hour:
		return strings.TrimSuffix(strconv.FormatFloat(d.Hours(), 'f', 1, 64), ".0") + " h"
	}
	return strings.TrimSuffix(strconv.FormatFloat(d.Hours()/24, 'f', 1, 64), ".0") + " days"
}

// count is a number with its thousands apart.
func count(n any) string {
	v, ok := asInt(n)
	if !ok {
		return fmt.Sprint(n)
	}
	digits := strconv.FormatInt(v, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

func asInt(n any) (int64, bool) {
	switch v := n.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case int32:
		return int64(v), true
	}
	return 0, false
}

// share is a fraction as a percentage, with as many digits as it takes to see
// that it isn't none.
func share(f float64) string {
	digits := 1
	switch {
	case f != 0 && f < 0.001:
		return strconv.FormatFloat(100*f, 'g', 2, 64) + "%"
	case f < 0.1:
		digits = 2
	}
	s := strconv.FormatFloat(100*f, 'f', digits, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + "%"
}

func byteCount(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	if i == 0 {
		return strconv.FormatInt(n, 10) + " B"
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[i]
}

// words makes an identifier of ours readable.
func words(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") }

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// short is an ID as far as people read it.
func short(id string) string {
	if len(id) <= 16 {
		return id
	}
	return id[:12] + "…"
}

// reversed gives runs the other way round.
func reversed(runs []pipeline.RunReport) []pipeline.RunReport {
	out := slices.Clone(runs)
	slices.Reverse(out)
	return out
}

// dict gives a part of a template several values.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// tone is the colour of a health, outcome, severity or status: good, warn, bad,
// info or quiet.
func tone(v any) string {
	switch fmt.Sprint(v) {
	case string(console.Well), string(pipeline.Succeeded), "resolved", "sent", "loaded":
		return "good"
	case string(console.Attention), string(pipeline.Held), "warning", "open", "quarantined", "deferred":
		return "warn"
	case string(console.Failing), string(pipeline.Failed), string(console.Broken), "critical":
		return "bad"
	case string(pipeline.Remediated), "info", "acknowledged", "running":
		return "info"
	}
	return "quiet"
}

// icon says the same by shape, for those who don't see colours.
func icon(v any) string {
	switch tone(v) {
	case "good":
		return "✓"
	case "warn":
		return "!"
	case "bad":
		return "✕"
	case "info":
		return "↻"
	}
	return "–"
}
