package slack

import (
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/autonomous-data-pipeline/adp/alerting"
)

// action is what the IDs of our buttons begin with; the resolution follows.
const action = "answer:"

// acknowledge is the answer that ends nothing: somebody is on it.
const acknowledge = "acknowledge"

type button struct{ resolution, label, confirm string }

// buttons are the answers that have one, in the order in which they stand, and
// what a person confirms by it.
var buttons = []button{
	{"release", "Release", "The batch is loaded as it is, with the records that were held."},
	{"replay", "Replay", "The batch is processed again with the pipeline's current schema and rules."},
	{"discard", "Discard", "The batch stays in quarantine for good."},
	{"close", "Close", "The incident is closed; no data is moved."},
	{acknowledge, "Acknowledge", ""},
}

// blocks show an alert, with buttons where people may answer it from Slack.
func blocks(a alerting.Alert, answerable bool) []api.Block {
	out := []api.Block{api.NewHeaderBlock(plain(summary(a, maxHeader)))}
	if text := escape(a.Text, maxSection); strings.TrimSpace(text) != "" {
		out = append(out, api.NewSectionBlock(mrkdwn(text), nil, nil))
	}
	out = append(out, facts(a)...)
	if a.Answer != nil {
		out = append(out, api.NewSectionBlock(mrkdwn(answered(*a.Answer)), nil, nil))
	} else if a.Advice != "" {
		out = append(out, api.NewSectionBlock(mrkdwn("Advised: *"+word(a.Advice, maxButton)+"*"), nil, nil))
	}
	if text := links(a.Links); text != "" {
		out = append(out, api.NewSectionBlock(mrkdwn(text), nil, nil))
	}
	if row := answers(a); answerable && row != nil {
		out = append(out, row)
	}
	return append(out, api.NewContextBlock("", mrkdwn(origin(a))))
}

// facts are the run's numbers, two columns a section.
func facts(a alerting.Alert) []api.Block {
	var fields []*api.TextBlockObject
	for _, name := range sorted(a.Facts) {
		fields = append(fields, mrkdwn("*"+word(name, maxButton)+"*\n"+line(a.Facts[name], maxField-2*maxButton)))
	}
	var out []api.Block
	for part := range slices.Chunk(fields[:min(len(fields), maxFacts*maxFields)], maxFields) {
		out = append(out, api.NewSectionBlock(nil, part, nil))
	}
	return out
}

func links(all map[string]string) string {
	names := sorted(all)
	var out []string
	length := 0
	for _, name := range names[:min(len(names), maxLinks)] {
		l := linked(name, all[name])
		if length += len([]rune(l)) + 3; length > maxSection {
			break
		}
		out = append(out, l)
	}
	return strings.Join(out, " · ")
}

// answered says how people ended it.
func answered(by alerting.Answer) string {
	text := "*" + word(by.Resolution, maxButton) + "* by " + line(by.By, maxButton)
	if by.Comment != "" {
		text += ": " + line(by.Comment, maxField)
	}
	return text
}

// answers are the buttons that the alert's answers ask for; nil is none. An
// incident whose name no button can carry has none.
func answers(a alerting.Alert) api.Block {
	if a.Incident == "" || len([]rune(a.Incident)) > maxValue || a.Event == alerting.EventResolved {
		return nil
	}
	var row []api.BlockElement
	for _, b := range buttons {
		if !slices.Contains(a.Answers, b.resolution) {
			continue
		}
		e := api.NewButtonBlockElement(action+b.resolution, a.Incident, plain(b.label))
		if b.resolution == a.Advice {
			e.Style = api.StylePrimary
		}
		if b.confirm != "" {
			e.Confirm = api.NewConfirmationBlockObject(plain(b.label+"?"), plain(b.confirm), plain(b.label), plain("Cancel"))
		}
		row = append(row, e)
	}
	if row == nil {
		return nil
	}
	return api.NewActionBlock("answers", row...)
}

// origin is the small print: where the alert comes from, and since when.
func origin(a alerting.Alert) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+line(value, 200))
		}
	}
	add("pipeline", a.Pipeline)
	add("run", a.RunID)
	add("incident", a.Incident)
	add("event", string(a.Event))
	add("alert", a.ID)
	if a.Count > 1 {
		add("stands for", fmt.Sprintf("%d alerts", a.Count))
	}
	if !a.OpenedAt.IsZero() {
		add("opened", stamp(a.OpenedAt))
	}
	if !a.At.IsZero() {
		add("at", stamp(a.At))
	}
	return strings.Join(append(parts, "severity "+line(a.Severity, maxButton)), " · ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
