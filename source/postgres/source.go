// Package postgres reads a table of PostgreSQL in the order of a column that
// grows from row to row: an identity, a serial, or any integer that each INSERT
// takes from a sequence. Rows are records for good: what is updated or deleted
// later isn't noticed, so the table must be one that is only appended to. It
// changes nothing in the database, and no connection outlives a call.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Source is a database. It is safe for concurrent use.
type Source struct {
	config Config

	mu   sync.Mutex
	seen map[uint32]settled // by table
}

var (
	_ source.Source = (*Source)(nil)
	_ source.Lister = (*Source)(nil)
)

// New checks the configuration. It doesn't connect.
func New(c Config) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Source{config: c, seen: map[uint32]settled{}}, nil
}

// Close has nothing to close: connections end with the call that made them.
func (s *Source) Close() error { return nil }

// Publish does nothing: there are no consumer groups, and the database is only
// read.
func (s *Source) Publish(context.Context, string, string, pipeline.Checkpoint) error { return nil }

// querier is a connection, or a transaction on it.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// closeLimit is how long saying goodbye may take.
const closeLimit = time.Second

// call connects for as long as do takes.
func (s *Source) call(ctx context.Context, do func(*pgx.Conn) error) error {
	c, err := s.config.connection()
	if err != nil {
		return pipeline.Misconfiguredf(settingURL, "connect to %s: %w", s.config.where(), err)
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		_ = conn.Close(ctx) // nothing is left to lose
	}()
	return do(conn)
}

// Bounds are those of partition 0, the only one.
func (s *Source) Bounds(ctx context.Context, topic string) (map[int32]source.Bounds, error) {
	log, err := s.List(ctx, topic, nil)
	if err != nil {
		return nil, err
	}
	return map[int32]source.Bounds{0: {Start: log[0].Start, End: log[0].End}}, nil
}

// Read gives fn the rows of the range, as the table has them at one moment.
// Numbers that no row has are holes. It doesn't wait for rows to come.
func (s *Source) Read(ctx context.Context, topic string, r pipeline.Range, fn func([]source.Record) error) error {
	if r.Partition != 0 {
		return pipeline.Misconfiguredf(settingTopic, "read table %s partition %d: a table has the partition 0 alone", topic, r.Partition)
	}
	if r.Len() == 0 {
		return nil
	}
	var mine error // of fn: it must come out as it went in
	err := s.call(ctx, func(conn *pgx.Conn) error {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err != nil {
			return err
		}
		d := source.NewDelivery(func(records []source.Record) error {
			mine = fn(records)
			return mine
		})
		err = s.read(ctx, tx, topic, r, d)
		_ = tx.Rollback(context.WithoutCancel(ctx)) // it was only read; a connection that is gone rolls back by itself
		return err
	})
	if mine != nil {
		return mine
	}
	return s.fault(ctx, err, "read table %s from offset %d to %d", topic, r.Start, r.End)
}

// sessionSettings make the JSON of a row the same for every user and database.
const sessionSettings = `SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true), set_config('IntervalStyle', 'iso_8601', true),
	set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true)`

func (s *Source) read(ctx context.Context, tx pgx.Tx, topic string, r pipeline.Range, d *source.Delivery) error {
	t, err := s.describe(ctx, tx, topic)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sessionSettings); err != nil {
		return err
	}
	first, found, err := s.first(ctx, tx, t)
	if err != nil {
		return err
	}
	if !found || first > r.Start {
		return s.deleted(t, r, first, found)
	}
	// A read that ends early gives up its connection: to close the rows would be
	// to receive them all.
	qctx, cancel := context.WithCancel(ctx)
	rows, err := tx.Query(qctx, s.selectRows(t), r.Start, r.End)
	if err != nil {
		cancel()
		return err
	}
	defer rows.Close()
	defer cancel()
	for last := r.Start - 1; rows.Next(); {
		var offset, ms int64
		var value []byte
		if err := rows.Scan(&offset, &ms, &value); err != nil {
			return err
		}
		if offset == last {
			return pipeline.Misconfiguredf(settingColumn, "read table %s: two rows have the value %d in column %q, and an offset is one row's: give a column with a unique index", t.name, offset, s.config.Column)
		}
		last = offset
		if err := d.Add(ctx, offset, ms, value); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), d.Flush(ctx))
}

// deleted is what to say of rows that were there when the range was planned.
func (s *Source) deleted(t *table, r pipeline.Range, first int64, found bool) error {
	what := "the table is empty"
	if found {
		what = fmt.Sprintf("its first row has %d", first)
	}
	return pipeline.Faultf(pipeline.BadData, "read table %s from offset %d to %d: %s in column %q: rows were deleted before they were read; the next run goes on behind them", t.name, r.Start, r.End, what, s.config.Column)
}
