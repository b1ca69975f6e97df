package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/alerting"
)

func (a *app) alertCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "alert", Short: "List the channels that people are told by, try them, and see what they were sent"}
	var channel, severity string
	test := &cobra.Command{
		Use: "test", Short: "Send a test alert and its end to every channel, and say what each made of it", Args: cobra.NoArgs,
		Long: `Send a test alert, and then the notice that it is resolved, to every channel
that is set. Exit code 1 if one of them didn't take it.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.testAlert(cmd.Context(), channel, severity) },
	}
	test.Flags().StringVar(&channel, "channel", "", "only this one: log, webhook, slack, email or pagerduty")
	test.Flags().StringVar(&severity, "severity", "info", "info, warning or critical")
	list := &cobra.Command{Use: "channels", Short: "List the channels that are set", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.listChannels() }}
	cmd.AddCommand(test, list, a.alertListCommand())
	return cmd
}

// channels are those that are set, or the one of that name.
func (a *app) channels(name string) ([]alerting.Notifier, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	all, err := c.Channels(slog.New(slog.NewTextHandler(a.err, nil)))
	if err != nil || name == "" {
		return all, err
	}
	all = slices.DeleteFunc(all, func(n alerting.Notifier) bool { return n.Name() != name })
	if len(all) == 0 {
		return nil, &usageError{fmt.Errorf("--channel %q isn't set; see starter alert channels", name)}
	}
	return all, nil
}

func (a *app) listChannels() error {
	all, err := a.channels("")
	if err != nil {
		return err
	}
	names := make([]string, 0, len(all))
	for _, n := range all {
		names = append(names, n.Name())
	}
	return a.print(names, func() {
		for _, n := range names {
			a.say("%s", n)
		}
	})
}

// tried is what one channel made of the test alert.
type tried struct {
	Channel string `json:"channel"`
	Error   string `json:"error,omitempty"`
	Ms      int64  `json:"ms"`
}

func (a *app) testAlert(ctx context.Context, channel, severity string) error {
	if !slices.Contains([]string{"info", "warning", "critical"}, severity) {
		return &usageError{fmt.Errorf("--severity %q is none of info, warning, critical", severity)}
	}
	all, err := a.channels(channel)
	if err != nil {
		return err
	}
	opened, resolved := a.testAlerts(severity)
	var out []tried
	failed := 0
	for _, n := range all {
		start := time.Now()
		t := tried{Channel: n.Name()}
		if err := tell(ctx, n, opened, resolved); err != nil {
			t.Error = err.Error()
			failed++
		}
		t.Ms = time.Since(start).Milliseconds()
		out = append(out, t)
	}
	if err := a.print(out, func() { a.printTried(out) }); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("send a test alert: %d of %d channels didn't take it", failed, len(all))
	}
	return nil
}

// testAlerts are an incident that never was, and its end: channels that keep
// incidents open, such as PagerDuty, are left as they were.
func (a *app) testAlerts(severity string) (opened, resolved alerting.Alert) {
	id := "test-" + uuid.NewString()
	opened = alerting.Alert{
		ID: id + "/opened", Group: id, Event: alerting.EventOpened, Pipeline: "test", Severity: severity,
		Title: "test alert", Text: "This is a test that " + a.who() + " sent. Nothing is wrong.", At: time.Now().UTC(),
		Facts: map[string]string{"records read": "1,000", "failing share": "0%"},
	}
	resolved = opened
	resolved.ID, resolved.Event = id+"/resolved", alerting.EventResolved
	resolved.Answer = &alerting.Answer{Resolution: "close", By: a.who(), Comment: "the test is over"}
	return opened, resolved
}

// tell sends both, in one thread where the channel has threads.
func tell(ctx context.Context, n alerting.Notifier, opened, resolved alerting.Alert) error {
	t, ok := n.(alerting.Threaded)
	if !ok {
		if err := n.Notify(ctx, opened); err != nil {
			return err
		}
		return n.Notify(ctx, resolved)
	}
	thread, err := t.NotifyIn(ctx, opened, "")
	if err != nil {
		return err
	}
	_, err = t.NotifyIn(ctx, resolved, thread)
	return err
}

func (a *app) printTried(all []tried) {
	rows := make([]string, 0, len(all))
	for _, t := range all {
		verdict := "ok"
		if t.Error != "" {
			verdict = t.Error
		}
		rows = append(rows, fmt.Sprintf("%s\t%d ms\t%s", t.Channel, t.Ms, verdict))
	}
	a.table("CHANNEL\tTOOK\tVERDICT", rows)
}
