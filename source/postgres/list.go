package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Numbers are given out in order, but rows become visible in the order of
// commits: a row with a lower number may appear after a higher one was read.
// So a log ends where no lower row can appear any more.
//
// An INSERT locks the table (ROW EXCLUSIVE) before it takes its number, and
// keeps the lock until its transaction has ended. So, with H the highest number
// that is visible: whoever takes a number up to H holds the lock already. Once
// the transactions that held it after H was seen have ended, every row up to H
// is there, or never will be. pg_locks shows who they are, to any user.

// settled is what is known of a table's end.
type settled struct {
	end     int64     // every row below it is visible, or never will be
	pending candidate // waits for writers that were slow
}

// candidate is an end that holds once its writers' transactions have ended.
type candidate struct {
	end     int64
	writers []string
}

// List gives the one range that can be read. Where writers are slow it ends
// where it ended before, at the checkpoint if nothing else is known.
func (s *Source) List(ctx context.Context, topic string, cp pipeline.Checkpoint) ([]pipeline.Range, error) {
	var out pipeline.Range
	err := s.call(ctx, func(conn *pgx.Conn) (err error) {
		out, err = s.list(ctx, conn, topic, cp)
		return err
	})
	if err != nil {
		return nil, s.fault(ctx, err, "list the offsets of table %s", topic)
	}
	return []pipeline.Range{out}, nil
}

func (s *Source) list(ctx context.Context, q querier, topic string, cp pipeline.Checkpoint) (pipeline.Range, error) {
	t, err := s.describe(ctx, q, topic)
	if err != nil {
		return pipeline.Range{}, err
	}
	last, ready, err := s.highest(ctx, q, t)
	if err != nil {
		return pipeline.Range{}, err
	}
	known := cp[0]
	if last+1 < known && !t.hasGiven(known-1) {
		return pipeline.Range{}, s.madeAnew(t, last, known)
	}
	end := ready + 1
	if end > known { // else there is nothing to wait for
		if end, err = s.settle(ctx, q, t, end); err != nil {
			return pipeline.Range{}, err
		}
	}
	end = max(end, known) // settled before, and its last rows may be deleted since
	// The first row comes last: one that was waited for may be the first. One
	// beyond the end may get others before it yet.
	first, found, err := s.first(ctx, q, t)
	if err != nil {
		return pipeline.Range{}, err
	}
	if !found || first > end {
		first = end
	}
	return pipeline.Range{Start: first, End: end}, nil
}

// highest is the highest number in the table, and the highest below which no row
// is too young; -1 if there is none.
func (s *Source) highest(ctx context.Context, q querier, t *table) (last, ready int64, err error) {
	column := quote(s.config.Column)
	old, args := fmt.Sprintf("max(%s)", column), []any(nil)
	if s.config.Lag > 0 {
		old = fmt.Sprintf("coalesce((SELECT min(%[1]s) - 1 FROM %[2]s WHERE %[3]s > now() - make_interval(secs => $1)), max(%[1]s))", column, t.name, zoned(t, s.config.Timestamp))
		args = append(args, s.config.Lag.Seconds())
	}
	err = q.QueryRow(ctx, fmt.Sprintf(`SELECT coalesce(max(%[1]s), -1)::int8, coalesce(%[2]s, -1)::int8 FROM %[3]s`, column, old, t.name), args...).Scan(&last, &ready)
	return last, max(ready, -1), err
}

// first is the lowest number in the table.
func (s *Source) first(ctx context.Context, q querier, t *table) (n int64, found bool, err error) {
	var lowest *int64
	err = q.QueryRow(ctx, fmt.Sprintf(`SELECT min(%s)::int8 FROM %s`, quote(s.config.Column), t.name)).Scan(&lowest)
	if err != nil || lowest == nil {
		return 0, false, err
	}
	if *lowest < 0 {
		return 0, false, pipeline.Misconfiguredf(settingColumn, "read table %s: column %q has the value %d, and an offset isn't negative", t.name, s.config.Column, *lowest)
	}
	return *lowest, true, nil
}

// zoned is a timestamp column as one with a zone.
func zoned(t *table, name string) string {
	if c, _ := t.column(name); c.typ == typeTimestamp {
		return quote(name) + " AT TIME ZONE 'UTC'"
	}
	return quote(name)
}

// settle waits until end holds, for as long as the settings say, and gives the
// end that does.
func (s *Source) settle(ctx context.Context, q querier, t *table, end int64) (int64, error) {
	writers, err := writersOf(ctx, q, t)
	if err != nil {
		return 0, err
	}
	s.note(t, writers)
	waitFor := writers
	limit := time.NewTimer(s.config.WriterWait)
	defer limit.Stop()
	for tick := time.Tick(20 * time.Millisecond); len(waitFor) > 0; {
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-limit.C:
			return s.postpone(t, candidate{end: end, writers: waitFor}), nil
		case <-tick:
		}
		now, err := writersOf(ctx, q, t)
		if err != nil {
			return 0, err
		}
		waitFor = both(waitFor, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[t.oid] = settled{end: end}
	return end, nil
}

// note takes up that a candidate's writers have ended since.
func (s *Source) note(t *table, writers []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.seen[t.oid]
	if len(known.pending.writers) > 0 && len(both(known.pending.writers, writers)) == 0 {
		s.seen[t.oid] = settled{end: known.pending.end}
	}
}

// postpone keeps a candidate for the next call, unless an earlier one still
// waits: always waiting for the newest would wait forever. What it gives is
// settled, and never beyond what the table has now.
func (s *Source) postpone(t *table, c candidate) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.seen[t.oid]
	if len(known.pending.writers) == 0 {
		known.pending = c
		s.seen[t.oid] = known
	}
	return min(known.end, c.end)
}

// writersOf are the transactions that have written to the table, or are about
// to, and haven't ended.
func writersOf(ctx context.Context, q querier, t *table) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT DISTINCT virtualtransaction FROM pg_locks
		WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND relation = ANY($1) AND mode = 'RowExclusiveLock' AND granted`, t.tree)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// both are the members of a that b has too.
func both(a, b []string) []string {
	var out []string
	for _, w := range a {
		if slices.Contains(b, w) {
			out = append(out, w)
		}
	}
	return out
}

// hasGiven reports whether the column's sequence is known to have given out a
// number.
func (s sequence) hasGiven(number int64) bool { return s.last != nil && *s.last >= number }

func (s *Source) madeAnew(t *table, last, known int64) error {
	return pipeline.Misconfiguredf(settingTopic,
		"read table %s: its highest value in column %q is %d, and the checkpoint is %d: was it truncated, or is it another database? Give a new table a new target; if only its last rows were deleted, GRANT SELECT on the column's sequence, which tells so",
		t.name, s.config.Column, last, known)
}
