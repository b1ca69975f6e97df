package main

import (
	"context"
	"fmt"
	"time"
)

func (a *app) listDeliveries(ctx context.Context, args []string, limit int) error {
	name := "" // any
	if len(args) > 0 {
		name = args[0]
	}
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	all, err := store.Deliveries(ctx, name, "", limit)
	if err != nil {
		return err
	}
	return a.print(all, func() {
		rows := make([]string, 0, len(all))
		for _, d := range all {
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s",
				d.At.Local().Format(time.DateTime), d.Pipeline, d.Channel, d.Status, d.Event, d.Attempts, d.Title, orDash(d.Error)))
		}
		a.table("LAST TRIED\tPIPELINE\tCHANNEL\tSTATUS\tEVENT\tATTEMPTS\tTITLE\tERROR", rows)
	})
}
