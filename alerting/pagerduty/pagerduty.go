// Package pagerduty pages whoever is on call, through PagerDuty's Events API
// v2. An incident of ours is one of theirs, by its dedup_key. Notices below
// critical aren't sent: nobody is woken for what needs no person, and nothing
// would resolve them.
package pagerduty

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/transport"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The settings that errors name.
const (
	settingKey = "PAGERDUTY_ROUTING_KEY"
	settingURL = "PAGERDUTY_URL"
)

// Events is the address of PagerDuty's service in the US.
const Events = "https://events.pagerduty.com"

// PagerDuty's limits, in characters.
const (
	maxKey     = 255
	maxSummary = 1024
	maxDetail  = 10_000 // ours: an event may have 512 KB
	maxDetails = 40
	maxLinks   = 10
)

// Config says which service of PagerDuty to page. The routing key is a
// credential: no error shows it.
type Config struct {
	RoutingKey string        // PAGERDUTY_ROUTING_KEY: the integration key of an Events API v2 integration
	URL        string        // PAGERDUTY_URL; empty is the US service region's, https://events.eu.pagerduty.com is the EU's
	Timeout    time.Duration // one request; 0 is 10s
}

// Validate reports whether there is a key and an address.
func (c Config) Validate() error {
	if c.RoutingKey == "" || strings.ContainsFunc(c.RoutingKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return pipeline.Misconfiguredf(settingKey, "page by PagerDuty: the routing key is missing, or holds characters that no key has")
	}
	if c.URL == "" {
		return nil
	}
	return transport.Address("PagerDuty", settingURL, c.URL)
}

// Notifier pages one service.
type Notifier struct {
	config Config
	client *transport.Client
}

// New makes the channel. Nothing is sent.
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.URL == "" {
		c.URL = Events
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	return &Notifier{config: c, client: transport.New("PagerDuty", settingKey, c.Timeout)}, nil
}

// Name is "pagerduty".
func (n *Notifier) Name() string { return "pagerduty" }

// Notify triggers, acknowledges or resolves PagerDuty's incident of the alert's
// group. PagerDuty being down or busy is a Transient fault, a key that it
// refuses a Misconfigured one.
func (n *Notifier) Notify(ctx context.Context, a alerting.Alert) error {
	if a.Event == alerting.EventNotice && severity(a.Severity) != "critical" {
		return ctx.Err()
	}
	body, err := json.Marshal(n.event(a))
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode alert %s for PagerDuty: %w", a.ID, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.config.URL+"/v2/enqueue", bytes.NewReader(body))
	if err != nil {
		return pipeline.Misconfiguredf(settingURL, "page by PagerDuty: its address can't be used") // err would show it
	}
	req.Header.Set("Content-Type", "application/json")
	_, err = n.client.Do(req)
	return err
}

// event is what the Events API takes.
type event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Client     string   `json:"client,omitempty"`
	Payload    *payload `json:"payload,omitempty"`
	Links      []link   `json:"links,omitempty"`
}

type payload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"` // critical, error, warning or info
	Timestamp string            `json:"timestamp,omitempty"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// actions are PagerDuty's words; what isn't here triggers. A reminder triggers
// the same key again, which PagerDuty adds to the incident that it has.
var actions = map[alerting.Event]string{alerting.EventAcknowledged: "acknowledge", alerting.EventResolved: "resolve"}

func (n *Notifier) event(a alerting.Alert) event {
	action := actions[a.Event]
	if action == "" {
		action = "trigger"
	}
	return event{
		RoutingKey: n.config.RoutingKey, Action: action, DedupKey: Key(a), Client: "autonomous data pipeline",
		Payload: describe(a), Links: links(a.Links),
	}
}

func describe(a alerting.Alert) *payload {
	p := &payload{
		Summary: text(a.Pipeline+": "+a.Title, maxSummary), Source: text(a.Pipeline, maxSummary), Severity: severity(a.Severity),
		Component: text(a.Pipeline, maxSummary), Group: text(a.Group, maxSummary), Details: details(a),
	}
	if p.Source == "" {
		p.Source = "autonomous data pipeline"
	}
	if !a.At.IsZero() {
		p.Timestamp = a.At.UTC().Format(time.RFC3339)
	}
	return p
}

// Key is the dedup_key of the alert's group: the same for all of an incident's
// life, and a hash where it would be too long.
func Key(a alerting.Alert) string {
	key := a.Group
	for _, other := range []string{a.Incident, a.ID} {
		if key == "" {
			key = other
		}
	}
	if len(key) <= maxKey && key == text(key, maxKey) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// severity is PagerDuty's word. One that it doesn't know is critical: too loud
// is safer than unheard.
func severity(ours string) string {
	if ours == "info" || ours == "warning" {
		return ours
	}
	return "critical"
}

// details are the run's numbers, and what the alert says.
func details(a alerting.Alert) map[string]string {
	out := map[string]string{}
	names := make([]string, 0, len(a.Facts))
	for name := range a.Facts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names[:min(len(names), maxDetails)] {
		out[text(name, maxKey)] = text(a.Facts[name], maxSummary)
	}
	own := map[string]string{"text": a.Text, "run": a.RunID, "incident": a.Incident, "alert": a.ID, "event": string(a.Event), "advice": a.Advice}
	if a.Answer != nil {
		own["answer"] = a.Answer.Resolution + " by " + a.Answer.By + ": " + a.Answer.Comment
	}
	for name, value := range own {
		if value != "" {
			out[name] = text(value, maxDetail)
		}
	}
	return out
}

// links are those that a browser opens.
func links(all map[string]string) (out []link) {
	for name, address := range all {
		u, err := url.Parse(address)
		if err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https") {
			out = append(out, link{Href: u.String(), Text: text(name, maxKey)})
		}
	}
	slices.SortFunc(out, func(a, b link) int { return strings.Compare(a.Text, b.Text) })
	return out[:min(len(out), maxLinks)]
}

// text is at most limit characters that can be shown, in one line.
func text(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return string(runes)
}
