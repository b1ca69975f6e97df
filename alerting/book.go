package alerting

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The bounds of what a book remembers, whatever comes: with five channels it
// stays below the 2 MB that Temporal takes as one payload.
const (
	maxSeen    = 1000 // IDs of alerts
	maxMatters = 500  // of each channel; those that were told longest ago are forgotten
	maxWaiting = 100  // alerts of each channel; then the older half becomes one summary
	maxNamed   = 10   // titles that a summary names
	maxTitle   = 300  // bytes
	maxText    = 1500 // bytes
)

// Book is what one pipeline's channels have been told, and what they are still
// to be told. It holds no clock and does no I/O: a workflow keeps it, and as
// JSON it goes on with the workflow's next run. The zero value is an empty one.
//
// What it promises: one message an incident and event, however many runs join;
// never more messages than the throttle allows; what is resolved before anybody
// was told of it is told to nobody; a resolve follows only what was told.
type Book struct {
	Channels map[string]*Channel `json:"channels,omitempty"`
	Seen     []string            `json:"seen,omitempty"` // IDs of alerts, oldest first
}

// Channel is one channel's part of a book.
type Channel struct {
	Waiting []Waiting          `json:"waiting,omitempty"` // in the order in which they came
	Matters map[string]*Matter `json:"matters,omitempty"` // by group
	Sent    []time.Time        `json:"sent,omitempty"`    // messages of the throttle's period, oldest first
	Sums    int                `json:"sums,omitempty"`    // summaries so far: no two have one ID
}

// Waiting is an alert that is to be told.
type Waiting struct {
	Alert Alert     `json:"alert"`
	Due   time.Time `json:"due"`
	Step  bool      `json:"step,omitempty"` // an escalation's: whoever takes the incident up calls it off
}

// Matter is what a channel has been told of one group.
type Matter struct {
	At       time.Time `json:"at"`                 // when it was last told
	Incident bool      `json:"incident,omitempty"` // it is open until it is resolved; a notice is over after Repeat
	Summed   bool      `json:"summed,omitempty"`   // in a summary alone: no more is said of it
}

// Message is an alert on its way to one channel.
type Message struct {
	Channel string `json:"channel"`
	Alert   Alert  `json:"alert"`
}

// Take notes an alert. One that was taken before, by its ID, changes nothing.
func (b *Book) Take(s Settings, all []string, a Alert, now time.Time) {
	if slices.Contains(b.Seen, a.ID) {
		return
	}
	if b.Seen = append(b.Seen, a.ID); len(b.Seen) > maxSeen {
		b.Seen = slices.Delete(b.Seen, 0, len(b.Seen)-maxSeen)
	}
	a.Group = cmp.Or(a.Group, a.ID)
	a.Title, a.Text = clip(a.Title, maxTitle), clip(a.Text, maxText)
	routed := s.channelsFor(a, all, now)
	for _, name := range all {
		c := b.channel(name)
		// Who was told of an incident hears how it ends, whatever the routes say
		// of this event.
		if m := c.Matters[a.Group]; slices.Contains(routed, name) || (a.Event == EventResolved && m != nil && m.Incident) {
			c.take(s, a, now)
		} else if a.Event == EventResolved {
			c.drop(a.Group)
		} else if at, ok := s.step(a, name, now); ok {
			c.step(a, later(at, s.due(a, at)))
		}
		if a.Event == EventAcknowledged {
			c.callOff(a.Group)
		}
		c.bound(a.Pipeline, now)
	}
}

// clip cuts a text that is longer than so many bytes.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func (b *Book) channel(name string) *Channel {
	if b.Channels == nil {
		b.Channels = map[string]*Channel{}
	}
	if b.Channels[name] == nil {
		b.Channels[name] = &Channel{}
	}
	return b.Channels[name]
}

func (c *Channel) take(s Settings, a Alert, now time.Time) {
	told := c.Matters[a.Group]
	if told != nil && told.Summed {
		if a.Event == EventResolved {
			delete(c.Matters, a.Group)
		}
		return
	}
	at := slices.IndexFunc(c.Waiting, func(w Waiting) bool { return w.Alert.Group == a.Group })
	switch {
	case a.Event == EventResolved && told == nil:
		c.drop(a.Group) // nobody has been told, so nobody is
	case a.Event == EventAcknowledged && told == nil:
	case at >= 0:
		c.Waiting[at] = c.Waiting[at].with(a, s.due(a, now))
	case told != nil && !told.Incident:
		c.Waiting = append(c.Waiting, Waiting{Alert: a, Due: later(told.At.Add(s.Repeat), s.due(a, now))})
	default:
		c.Waiting = append(c.Waiting, Waiting{Alert: a, Due: s.due(a, now)})
	}
}

// bound makes one summary of the older half, if too many wait.
func (c *Channel) bound(pipelineName string, now time.Time) {
	if len(c.Waiting) <= maxWaiting {
		return
	}
	half := c.Waiting[:maxWaiting/2]
	due := half[0].Due
	for _, w := range half {
		if w.Due.Before(due) {
			due = w.Due // what is urgent stays so
		}
	}
	c.Waiting = append([]Waiting{{Alert: c.sum(half, pipelineName, now), Due: due}}, c.Waiting[maxWaiting/2:]...)
}

// step notes that a channel is to be told of an incident later.
func (c *Channel) step(a Alert, due time.Time) {
	waits := slices.ContainsFunc(c.Waiting, func(w Waiting) bool { return w.Alert.Group == a.Group })
	if c.Matters[a.Group] == nil && !waits {
		c.Waiting = append(c.Waiting, Waiting{Alert: a, Due: due, Step: true})
	}
}

// callOff forgets an escalation's steps that are still to come.
func (c *Channel) callOff(group string) {
	c.Waiting = slices.DeleteFunc(c.Waiting, func(w Waiting) bool { return w.Step && w.Alert.Group == group })
}

// with merges a later alert of the same group into one that waits.
func (w Waiting) with(a Alert, due time.Time) Waiting {
	first := w.Alert
	a.Count = max(1, first.Count) + max(1, a.Count)
	switch {
	case first.Event == EventResolved: // what comes after its end is late
		return w
	case a.Event == EventResolved: // nothing else is to be said of it
		a.Count = 0
		return Waiting{Alert: a, Due: due}
	case first.Event == EventOpened: // that it is new is the news, with the newest facts
		a.Event, a.ID, a.Title = EventOpened, first.ID, first.Title
		a.Count = 0
	}
	if weight(a.Severity) > weight(first.Severity) && due.Before(w.Due) {
		return Waiting{Alert: a, Due: due} // it has become urgent
	}
	if weight(first.Severity) > weight(a.Severity) {
		a.Severity = first.Severity
	}
	return Waiting{Alert: a, Due: w.Due, Step: w.Step}
}

func (c *Channel) drop(group string) {
	c.Waiting = slices.DeleteFunc(c.Waiting, func(w Waiting) bool { return w.Alert.Group == group })
	delete(c.Matters, group)
}

// due is when an alert may be told: now, or when the quiet hours are over.
func (s Settings) due(a Alert, now time.Time) time.Time {
	if weight(a.Severity) >= weight(cmp.Or(s.Quiet.Below, "critical")) {
		return now
	}
	return s.Quiet.over(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Due gives the messages that are to be sent now, at most one to each channel
// that isn't busy, and notes them as sent: whose delivery fails is tried again by
// the caller, and not here. What a busy channel is to get stays here, where it
// still merges with what comes.
func (b *Book) Due(s Settings, pipelineName string, now time.Time, busy map[string]bool) []Message {
	var out []Message
	for _, name := range b.names() {
		if busy[name] {
			continue
		}
		if a, ok := b.Channels[name].due(s, pipelineName, now); ok {
			out = append(out, Message{Channel: name, Alert: a})
		}
	}
	return out
}

func (c *Channel) due(s Settings, pipelineName string, now time.Time) (Alert, bool) {
	c.Sent = slices.DeleteFunc(c.Sent, func(t time.Time) bool { return !t.After(now.Add(-s.Throttle.Per)) })
	c.forget(s, now)
	var ready, rest []Waiting
	for _, w := range c.Waiting {
		if w.Due.After(now) {
			rest = append(rest, w)
		} else {
			ready = append(ready, w)
		}
	}
	bounded, left := s.Throttle.Messages > 0, s.Throttle.Messages-len(c.Sent)
	if len(ready) == 0 || (bounded && left <= 0) {
		return Alert{}, false // everything waits until there is room
	}
	if bounded {
		c.Sent = append(c.Sent, now)
	}
	if bounded && left == 1 && len(ready) > 1 {
		c.Waiting = rest
		return c.sum(ready, pipelineName, now), true
	}
	first := slices.IndexFunc(c.Waiting, func(w Waiting) bool { return !w.Due.After(now) })
	c.Waiting = slices.Delete(c.Waiting, first, first+1)
	c.tell(ready[0].Alert, now)
	return ready[0].Alert, true
}

// tell notes what the channel knows then.
func (c *Channel) tell(a Alert, now time.Time) {
	if a.Event == EventResolved {
		delete(c.Matters, a.Group)
		return
	}
	c.note(a, Matter{At: now, Incident: a.Incident != ""})
}

func (c *Channel) note(a Alert, m Matter) {
	if c.Matters == nil { // at first, and if it was empty as JSON
		c.Matters = map[string]*Matter{}
	}
	c.Matters[a.Group] = &m
}

// sum makes one message of many.
func (c *Channel) sum(many []Waiting, pipelineName string, now time.Time) Alert {
	c.Sums++
	out := Alert{
		ID: fmt.Sprintf("%s/summary/%d-%d", pipelineName, now.UnixMilli(), c.Sums), Group: pipelineName + "/summary", Event: EventNotice,
		Pipeline: pipelineName, Severity: "info", At: now, Links: map[string]string{},
	}
	many = slices.SortedStableFunc(slices.Values(many), func(x, y Waiting) int { return weight(y.Alert.Severity) - weight(x.Alert.Severity) })
	var titles []string
	for _, w := range many { // what weighs most is named
		a := w.Alert
		out.Count += max(1, a.Count)
		if weight(a.Severity) > weight(out.Severity) {
			out.Severity = a.Severity
		}
		if link := a.Links["overview"]; link != "" {
			out.Links["console"] = link
		}
		if len(titles) < maxNamed {
			titles = append(titles, "- "+a.Title)
		}
		if a.Event == EventResolved {
			delete(c.Matters, a.Group)
		} else {
			c.note(a, Matter{At: now, Incident: a.Incident != "", Summed: true})
		}
	}
	if more := len(many) - len(titles); more > 0 {
		titles = append(titles, fmt.Sprintf("- and %d more", more))
	}
	out.Title = fmt.Sprintf("%s: %d more alerts", pipelineName, out.Count)
	out.Text = "There are more alerts than this channel takes, so these are told together:\n" + strings.Join(titles, "\n")
	return out
}

// forget drops notices that are over, and keeps the rest within bounds.
func (c *Channel) forget(s Settings, now time.Time) {
	groups := c.groups()
	for _, g := range groups {
		if m := c.Matters[g]; !m.Incident && !m.At.Add(s.Repeat).After(now) {
			delete(c.Matters, g)
		}
	}
	if len(c.Matters) <= maxMatters {
		return
	}
	groups = c.groups()
	slices.SortStableFunc(groups, func(x, y string) int { return c.Matters[x].At.Compare(c.Matters[y].At) })
	for _, g := range groups[:len(groups)-maxMatters] {
		delete(c.Matters, g)
	}
}

// names are the channels in the order of their names: a workflow that is
// replayed must go over them as before.
func (b *Book) names() []string { return slices.Sorted(maps.Keys(b.Channels)) } //workflowcheck:ignore

// groups likewise.
func (c *Channel) groups() []string { return slices.Sorted(maps.Keys(c.Matters)) } //workflowcheck:ignore

// Next is when there is something to send to a channel that isn't busy; ok is
// false if nothing waits for one.
func (b *Book) Next(s Settings, busy map[string]bool) (at time.Time, ok bool) {
	for _, name := range b.names() {
		if busy[name] {
			continue
		}
		c := b.Channels[name]
		for _, w := range c.Waiting {
			due := w.Due
			if s.Throttle.Messages > 0 && len(c.Sent) >= s.Throttle.Messages {
				due = later(due, c.Sent[len(c.Sent)-s.Throttle.Messages].Add(s.Throttle.Per))
			}
			if !ok || due.Before(at) {
				at, ok = due, true
			}
		}
	}
	return at, ok
}

// Open reports whether the book must be kept: something waits, or an incident
// that was told isn't resolved.
func (b *Book) Open() bool {
	for _, name := range b.names() {
		c := b.Channels[name]
		if len(c.Waiting) > 0 {
			return true
		}
		for _, group := range c.groups() {
			if m := c.Matters[group]; m.Incident && !m.Summed {
				return true
			}
		}
	}
	return false
}

// over is the time itself, or the end of the quiet hours that it lies in.
func (q Quiet) over(now time.Time) time.Time {
	from, err := clock(q.From)
	to, terr := clock(q.To)
	zone, zerr := time.LoadLocation(q.TimeZone)
	if err != nil || terr != nil || zerr != nil {
		return now // there are none, or Validate has refused them
	}
	here := now.In(zone)
	// By the clock on the wall: some days are longer than others.
	at := func(days int, clock time.Duration) time.Time {
		return time.Date(here.Year(), here.Month(), here.Day()+days, 0, int(clock.Minutes()), 0, 0, zone)
	}
	for _, began := range []int{0, -1} { // hours that began today, or yesterday
		if len(q.Days) > 0 && !slices.Contains(q.Days, weekdays[at(began, 0).Weekday()]) {
			continue
		}
		begin, end := at(began, from), at(began, to)
		if to <= from {
			end = at(began+1, to)
		}
		if !here.Before(begin) && here.Before(end) {
			return end.UTC()
		}
	}
	return now
}
