package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/ops"
)

func (a *app) alertListCommand() *cobra.Command {
	var incident string
	var limit int
	cmd := &cobra.Command{
		Use: "list [pipeline]", Short: "List what each channel was sent, newest first, and how that went",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listDeliveries(cmd.Context(), strings.Join(args, ""), incident, limit)
		},
	}
	cmd.Flags().StringVar(&incident, "incident", "", "of this incident only")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many at most")
	return cmd
}

func (a *app) listDeliveries(ctx context.Context, name, incident string, limit int) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	all, err := store.Deliveries(ctx, name, incident, limit)
	if err != nil {
		return err
	}
	return a.print(all, func() { a.printDeliveries(all) })
}

func (a *app) printDeliveries(all []ops.Delivery) {
	if len(all) == 0 {
		a.say("nobody was told anything")
		return
	}
	rows := make([]string, 0, len(all))
	for _, d := range all {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%s\t%s", d.At.Local().Format(time.DateTime), d.Channel, d.Event, d.Status, d.Attempts,
			printable(d.Title), printable(d.Error)))
	}
	a.table("AT\tCHANNEL\tEVENT\tSTATUS\tTRIES\tTITLE\tERROR", rows)
}

// printable is a text from data on one line, in which nothing steers a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
