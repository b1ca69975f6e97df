package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Notify makes a notice into an alert with all that a person needs, and hands
// it to the pipeline's alerts. Its ID makes a repeat harmless.
func (s *Set) Notify(ctx context.Context, n pipeline.Notice) error {
	a, err := s.alert(ctx, n)
	if err != nil {
		return toTemporal(err)
	}
	return toTemporal(s.Mailbox.Post(ctx, a))
}

func (s *Set) alert(ctx context.Context, n pipeline.Notice) (alerting.Alert, error) {
	a := alerting.Alert{
		ID: n.ID, Group: cmp.Or(n.Incident, n.Pipeline+"/"+matter(n.Title)), Event: alerting.Event(cmp.Or(n.Event, string(alerting.EventNotice))),
		Pipeline: n.Pipeline, RunID: n.RunID, Incident: n.Incident, Severity: n.Severity, Title: n.Title, Text: n.Text, At: s.Now(),
		Facts: map[string]string{}, Links: map[string]string{},
	}
	if n.Resolution != "" {
		a.Answer = &alerting.Answer{Resolution: n.Resolution, By: n.By, Comment: n.Comment}
	}
	s.link(&a, n)
	err := s.addRun(ctx, &a)
	if err == nil && n.Incident != "" {
		err = s.addIncident(ctx, &a)
	}
	return a, err
}

// countedOrQuoted is a number, or a quoted name or value, which may hold some.
var countedOrQuoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[0-9][0-9.,]*`)

// matter is a title without its numbers: run after run finds the same matter,
// each with other counts.
func matter(title string) string {
	return countedOrQuoted.ReplaceAllStringFunc(title, func(part string) string {
		if strings.HasPrefix(part, `"`) {
			return part
		}
		return "#"
	})
}

func (s *Set) link(a *alerting.Alert, n pipeline.Notice) {
	if s.WebUI != "" {
		a.Links["workflow"] = fmt.Sprintf("%s/namespaces/%s/workflows/%s", s.WebUI, s.Namespace, url.PathEscape(n.Workflow))
	}
	if s.Console == "" {
		return
	}
	a.Links["run"] = s.Console + "/runs/" + url.PathEscape(n.RunID)
	a.Links["overview"] = s.Console + "/"
	a.Links["console"] = a.Links["run"]
	if n.Incident != "" {
		a.Links["console"] = s.Console + "/incidents/" + url.PathEscape(n.Incident)
	}
}

// addRun adds a run's numbers. A run that hasn't reported yet has none.
func (s *Set) addRun(ctx context.Context, a *alerting.Alert) error {
	r, err := s.Ops.Run(ctx, a.RunID)
	if errors.Is(err, ops.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	a.Facts = numbers(r)
	s.addRunbook(a, r.Conditions)
	return nil
}

// addRunbook links to what to do about the first condition.
func (s *Set) addRunbook(a *alerting.Alert, conditions []string) {
	if s.Runbook == nil || len(conditions) == 0 || a.Links["runbook"] != "" {
		return
	}
	if link := s.Runbook(conditions[0]); link != "" {
		a.Links["runbook"] = link
	}
}

// numbers are a run's, as people read them. What is none is left out.
func numbers(r pipeline.RunReport) map[string]string {
	out := map[string]string{"records read": strconv.FormatInt(r.Records.Read, 10)}
	for name, n := range map[string]int64{"loaded": r.Records.Loaded, "quarantined": r.Records.Quarantined, "held": r.Records.Held, "late": r.Late.Count, "failing": r.Quality.Failed, "lag": r.Source.Lag} {
		if n > 0 {
			out[name] = strconv.FormatInt(n, 10)
		}
	}
	for name, share := range map[string]float64{"late share": r.Late.Share, "failing share": r.Quality.Share} {
		if share > 0 {
			out[name] = strconv.FormatFloat(100*share, 'f', 2, 64) + "%"
		}
	}
	if r.Failure != nil {
		out["failed stage"] = r.Failure.Stage
	}
	return out
}

// addIncident adds what may be answered, and what is advised.
func (s *Set) addIncident(ctx context.Context, a *alerting.Alert) error {
	i, err := s.Ops.Incident(ctx, a.Incident)
	if err != nil {
		return err
	}
	a.OpenedAt, a.Advice, a.Count = i.OpenedAt, i.Advice, i.Count
	if len(a.Facts) == 0 && i.Facts != nil { // it is opened before its run has reported
		a.Facts = i.Facts
	}
	s.addRunbook(a, i.Conditions())
	switch {
	case i.Status == ops.Resolved:
		return nil
	case i.BatchID != "":
		a.Answers = []string{pipeline.Release, pipeline.Replay, pipeline.Discard}
	}
	if !i.Hold {
		a.Answers = append(a.Answers, pipeline.Close)
	}
	if i.Status == ops.Opened {
		a.Answers = append(a.Answers, alerting.Acknowledge)
	}
	return nil
}

// AlertPlan says which channels there are, and who is told what. The worker
// refuses settings that are wrong when it starts; of those that become so later
// it says what is wrong, and everybody is told everything until they are mended.
func (s *Set) AlertPlan(_ context.Context, _ string) (alerting.Plan, error) {
	var p alerting.Plan
	for _, c := range s.Channels {
		p.Channels = append(p.Channels, c.Name())
	}
	slices.Sort(p.Channels)
	var err error
	if p.Settings, err = s.Alerting(); err == nil {
		err = p.Settings.Validate(p.Channels)
	}
	if err != nil {
		s.Log.Error("read the alerting settings; the defaults count until they are mended", "error", err)
		p.Settings, p.Problem = alerting.DefaultSettings(), err.Error()
	}
	return p, nil
}

// Deliver sends one message to one channel, and notes how that went. One that
// has arrived isn't sent again.
func (s *Set) Deliver(ctx context.Context, m alerting.Message) error {
	err := s.deliver(ctx, m)
	var wait *alerting.RetryAfter
	if errors.As(err, &wait) && pipeline.KindOf(err) == pipeline.Transient {
		return temporal.NewApplicationErrorWithOptions(err.Error(), string(pipeline.Transient),
			temporal.ApplicationErrorOptions{Cause: err, NextRetryDelay: wait.Wait})
	}
	return toTemporal(err)
}

func (s *Set) deliver(ctx context.Context, m alerting.Message) error {
	there, err := s.Ops.Delivered(ctx, m.Alert.ID, m.Channel)
	if err != nil || there {
		return err
	}
	d := ops.Delivery{
		Alert: m.Alert.ID, Group: m.Alert.Group, Channel: m.Channel, Pipeline: m.Alert.Pipeline, Incident: m.Alert.Incident,
		Event: string(m.Alert.Event), Title: m.Alert.Title, Status: ops.Sent, Attempts: activity.GetInfo(ctx).Attempt, At: s.Now(),
	}
	d.Thread, err = s.notify(ctx, m)
	if err != nil {
		d.Status, d.Error, d.Thread = ops.Failed, err.Error(), ""
	}
	// That it was sent must be known, or it is sent again; of a failure the
	// channel's own error counts.
	if saved := s.Ops.SaveDelivery(ctx, d); err == nil {
		err = saved
	}
	return err
}

func (s *Set) notify(ctx context.Context, m alerting.Message) (string, error) {
	i := slices.IndexFunc(s.Channels, func(c alerting.Notifier) bool { return c.Name() == m.Channel })
	if i < 0 {
		return "", pipeline.Misconfiguredf("ALERTING_FILE", "send alert %s: channel %q isn't set up on this worker any more", m.Alert.ID, m.Channel)
	}
	threaded, ok := s.Channels[i].(alerting.Threaded)
	if !ok {
		return "", s.Channels[i].Notify(ctx, m.Alert)
	}
	thread, err := s.Ops.Thread(ctx, m.Channel, m.Alert.Group)
	if err != nil {
		return "", err
	}
	return threaded.NotifyIn(ctx, m.Alert, thread)
}
