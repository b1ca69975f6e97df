package ops

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// The statuses of a delivery.
const (
	Sent   = "sent"
	Failed = "failed" // so far: it may be tried again
)

// Delivery is an alert's way to one channel.
type Delivery struct {
	Alert    string    `json:"alert"`
	Group    string    `json:"group"`
	Channel  string    `json:"channel"`
	Pipeline string    `json:"pipeline"`
	Incident string    `json:"incident,omitempty"`
	Event    string    `json:"event"`
	Title    string    `json:"title"`
	Status   string    `json:"status"`
	Attempts int32     `json:"attempts"`
	Error    string    `json:"error,omitempty"` // of the last attempt
	At       time.Time `json:"at"`              // of the last attempt
	Thread   string    `json:"thread,omitempty"`
}

// SaveDelivery keeps how a delivery stands. One that was sent stays sent.
func (s *Store) SaveDelivery(ctx context.Context, d Delivery) error {
	what := "save the delivery of alert " + d.Alert
	if err := needed(what, "alert", d.Alert, "channel", d.Channel, "status", d.Status); err != nil {
		return err
	}
	entry, err := encode(what, d)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx,
		`INSERT INTO deliveries (alert, channel, pipeline, matter, status, thread, at_ms, entry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		 ON CONFLICT (alert, channel) DO UPDATE SET status = excluded.status, thread = excluded.thread, at_ms = excluded.at_ms, entry = excluded.entry
		 WHERE deliveries.status <> 'sent'`,
		d.Alert, d.Channel, d.Pipeline, d.Group, d.Status, d.Thread, millis(d.At), entry)
	return s.fault(what, err)
}

// Thread is where a channel goes on with a group: what it gave back for the
// group's first message. It is empty if there is none.
func (s *Store) Thread(ctx context.Context, channel, group string) (string, error) {
	var thread string
	err := s.db.QueryRowContext(ctx,
		`SELECT thread FROM deliveries WHERE channel = $1 AND matter = $2 AND thread <> '' ORDER BY at_ms, alert LIMIT 1`, channel, group).Scan(&thread)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return thread, s.fault("look up a thread", err)
}

// Delivered reports whether an alert has reached a channel.
func (s *Store) Delivered(ctx context.Context, alert, channel string) (bool, error) {
	var n int
	err := s.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM deliveries WHERE alert = $1 AND channel = $2 AND status = 'sent'`, alert, channel).Scan(&n)
	return n > 0, s.fault("look up a delivery", err)
}

// Deliveries lists deliveries, newest first. Empty values match any; a limit of
// 0 is 100.
func (s *Store) Deliveries(ctx context.Context, pipelineName, group string, n int) ([]Delivery, error) {
	return query[Delivery](ctx, s, "list the deliveries of alerts",
		`SELECT entry FROM deliveries WHERE ($1 = '' OR pipeline = $1) AND ($2 = '' OR matter = $2) ORDER BY at_ms DESC, alert, channel LIMIT $3`,
		pipelineName, group, limit(n))
}

// pruneDeliveries removes old ones.
func (s *Store) pruneDeliveries(ctx context.Context, pipelineName string, before time.Time) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM deliveries WHERE pipeline = $1 AND at_ms < $2`, pipelineName, millis(before))
	return s.fault("prune the deliveries of "+pipelineName, err)
}
