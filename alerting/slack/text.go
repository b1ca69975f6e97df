package slack

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	api "github.com/slack-go/slack"

	"github.com/autonomous-data-pipeline/adp/alerting"
)

// Slack's limits, in characters.
const (
	maxHeader  = 150
	maxSection = 3000
	maxField   = 2000
	maxButton  = 75
	maxValue   = 2000
	maxConfirm = 300
	maxFields  = 10 // fields a section
	maxFacts   = 4  // sections of fields a message
	maxLinks   = 10 // links a message
)

// entity is what Slack reads as text where the character itself would begin a
// mention or a link.
var entity = map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}

// escape makes data into text that Slack shows as it is, at most limit
// characters long: it mentions nobody and links nowhere. Lines stay lines.
func escape(text string, limit int) string {
	var out strings.Builder
	length := 0
	for _, r := range strings.ToValidUTF8(text, "�") {
		piece := string(r)
		if e, ok := entity[r]; ok {
			piece = e
		} else if hidden(r) {
			piece = " "
		}
		n := len([]rune(piece))
		if length+n > limit-1 {
			return out.String() + "…"
		}
		length += n
		out.WriteString(piece)
	}
	return out.String()
}

// line is escape for what stands in one line.
func line(text string, limit int) string {
	return escape(strings.Join(strings.Fields(text), " "), limit)
}

// hidden are characters that change how others are shown: controls, and those
// that turn the direction of writing.
func hidden(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }

// word is line without what mrkdwn takes for emphasis, for names in bold.
func word(text string, limit int) string {
	return strings.NewReplacer("*", "∗", "`", "'").Replace(line(text, limit))
}

// linked is a link that Slack can show, and the escaped text if the address is
// no http or https URL.
func linked(name, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") || len(address) > 1000 {
		return word(name, maxButton) + ": " + line(address, maxButton)
	}
	safe := strings.NewReplacer("|", "%7C", "&", "&amp;", "<", "%3C", ">", "%3E").Replace(u.String())
	return "<" + safe + "|" + strings.ReplaceAll(word(name, maxButton), "|", "/") + ">"
}

// mrkdwn is verbatim: Slack makes no links and mentions out of bare words.
func mrkdwn(text string) *api.TextBlockObject {
	return &api.TextBlockObject{Type: api.MarkdownType, Text: text, Verbatim: true}
}

func plain(text string) *api.TextBlockObject {
	return &api.TextBlockObject{Type: api.PlainTextType, Text: text}
}

// summary is what notifications show, and the header. It is never empty.
func summary(a alerting.Alert, limit int) string {
	mark := a.Severity
	switch a.Event {
	case alerting.EventResolved:
		mark = "resolved"
	case alerting.EventReminder:
		mark += ", still waiting"
	}
	text := a.Title
	if a.Pipeline != "" {
		text = a.Pipeline + ": " + text
	}
	if mark != "" {
		text = "[" + mark + "] " + text
	}
	if text = line(text, limit); text == "" {
		return "alert"
	}
	return text
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
