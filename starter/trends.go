package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/ops"
)

func (a *app) trendsCommand() *cobra.Command {
	var name string
	var since time.Duration
	cmd := &cobra.Command{
		Use: "trends", Short: "Count incidents by cause and week, and how long people took to acknowledge and to resolve them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.showTrends(cmd.Context(), name, since) },
	}
	cmd.Flags().StringVarP(&name, "pipeline", "p", "", "of this pipeline only")
	cmd.Flags().DurationVar(&since, "since", 2160*time.Hour, "only incidents opened in this time up to now; 0 is all")
	return cmd
}

func (a *app) showTrends(ctx context.Context, name string, since time.Duration) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	t, err := store.Trends(ctx, ops.TrendQuery{Pipeline: name, Since: ago(since), Until: time.Now()})
	if err != nil {
		return err
	}
	return a.print(t, func() { a.printTrends(t) })
}

// trendColumns are how many weeks a terminal shows side by side.
const trendColumns = 8

func (a *app) printTrends(t ops.Trends) {
	a.say("%d incidents, %d unresolved", t.Incidents, t.Unresolved)
	if t.Incidents == 0 {
		return
	}
	from := max(0, len(t.Weeks)-trendColumns)
	rows := make([]string, 0, len(t.Causes))
	for _, c := range t.Causes {
		row := fmt.Sprintf("%s\t%d\t%d", c.Condition, c.Incidents, c.Runs)
		for _, n := range c.ByWeek[from:] {
			row += fmt.Sprintf("\t%d", n)
		}
		rows = append(rows, row)
	}
	a.say("")
	a.table("CAUSE\tINCIDENTS\tRUNS\t"+strings.Join(t.Weeks[from:], "\t"), rows)
	rows = nil
	for _, p := range t.Pipelines {
		rows = append(rows, tookRow(p.Pipeline, p.Incidents, p.Unresolved, p.Acknowledge, p.Resolve))
	}
	if len(t.Pipelines) > 1 {
		rows = append(rows, tookRow("all", t.Incidents, t.Unresolved, t.Acknowledge, t.Resolve))
	}
	a.say("")
	a.table("PIPELINE\tINCIDENTS\tUNRESOLVED\tACKNOWLEDGED IN, MEDIAN\tP90\tRESOLVED IN, MEDIAN\tP90", rows)
	a.say("\nanswers: %s", counts(t.Resolutions))
}

func tookRow(name string, incidents, unresolved int, acknowledge, resolve ops.Took) string {
	row := fmt.Sprintf("%s\t%d\t%d", name, incidents, unresolved)
	for _, t := range []ops.Took{acknowledge, resolve} {
		if t.Incidents == 0 {
			row += "\t-\t-"
			continue
		}
		row += fmt.Sprintf("\t%v\t%v", time.Duration(t.MedianS)*time.Second, time.Duration(t.P90S)*time.Second)
	}
	return row
}
