package email

import (
	_ "embed"
	"html/template"
	"net/url"
	"slices"
	"strings"
	text "text/template"
	"time"
	"unicode"

	"github.com/autonomous-data-pipeline/adp/alerting"
)

//go:embed alert.html
var htmlSource string

//go:embed alert.txt
var textSource string

var (
	pageHTML = template.Must(template.New("alert.html").Parse(htmlSource))
	pageText = text.Must(text.New("alert.txt").Parse(textSource))
)

// maxSubject is in characters; maxText bounds what an alert says, in characters.
const (
	maxSubject = 200
	maxText    = 20_000
)

// view is an alert as both parts show it. Every field is free of controls.
type view struct {
	Subject, Severity, Color, Title, Advice string
	Text                                    []string // lines
	Facts, Links, Origin                    []pair
	Answer                                  *alerting.Answer
	Waits                                   bool // for a person
}

type pair struct {
	Name, Value string
	Linked      bool // the value is an address that may be opened
}

// colors are dark enough for white text on them.
var colors = map[string]string{"info": "#1d5fa8", "warning": "#8a5300"}

func show(a alerting.Alert) view {
	v := view{
		Severity: line(a.Severity, 40), Color: "#b3261e", Title: line(a.Title, maxSubject), Advice: line(a.Advice, 40),
		Facts: pairs(a.Facts, false), Links: pairs(a.Links, true), Waits: len(a.Answers) > 0,
	}
	if c, ok := colors[a.Severity]; ok {
		v.Color = c
	}
	for l := range strings.Lines(cut(strings.ToValidUTF8(a.Text, "�"), maxText)) {
		v.Text = append(v.Text, line(l, maxText))
	}
	mark := v.Severity
	switch a.Event {
	case alerting.EventResolved:
		mark, v.Color = "resolved", "#1b6e3c"
	case alerting.EventReminder:
		mark += ", still waiting"
	case alerting.EventAcknowledged:
		mark += ", acknowledged"
	}
	subject := a.Title
	if !strings.Contains(subject, a.Pipeline) {
		subject = a.Pipeline + ": " + subject
	}
	v.Subject = line("["+mark+"] "+subject, maxSubject)
	if a.Answer != nil {
		v.Answer = &alerting.Answer{
			Resolution: line(a.Answer.Resolution, 40), By: line(a.Answer.By, 100), Comment: line(a.Answer.Comment, 2000),
		}
	}
	for _, p := range []pair{{Name: "Pipeline", Value: a.Pipeline}, {Name: "Run", Value: a.RunID}, {Name: "Incident", Value: a.Incident}, {Name: "Opened", Value: stamp(a.OpenedAt)}, {Name: "Time", Value: stamp(a.At)}, {Name: "Alert", Value: a.ID}} {
		if p.Value = line(p.Value, 300); p.Value != "" {
			v.Origin = append(v.Origin, p)
		}
	}
	return v
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func pairs(all map[string]string, links bool) (out []pair) {
	for name, value := range all {
		u, err := url.Parse(value)
		linked := links && err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https")
		out = append(out, pair{Name: line(name, 100), Value: line(value, 1000), Linked: linked})
	}
	slices.SortFunc(out, func(a, b pair) int { return strings.Compare(a.Name, b.Name) })
	return out[:min(len(out), 60)]
}

// line is text in one line, without what changes how the rest is shown.
func line(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	return cut(strings.Join(strings.Fields(s), " "), limit)
}

func cut(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return s
}
