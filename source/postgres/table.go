package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// table is what the database's catalog says of a topic.
type table struct {
	oid     uint32
	name    string // quoted, with its schema
	tree    []uint32
	columns []column
	sequence
}

type column struct {
	name    string
	typ     uint32
	kind    string // as SQL writes the type
	notNull bool
}

// sequence is what gives out the column's values, if the table owns one.
type sequence struct {
	cache, increment *int64
	last             *int64 // nil also if the user may not know
}

// The types' numbers, which never change.
const (
	typeInt8        = 20
	typeInt2        = 21
	typeInt4        = 23
	typeTimestamp   = 1114
	typeTimestampTZ = 1184
)

// quoted is a topic as SQL writes the table's name.
func quoted(topic string) string { return pgx.Identifier(strings.SplitN(topic, ".", 2)).Sanitize() }

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// describe looks a topic up and refuses a table that can't be read in the order
// of its column.
func (s *Source) describe(ctx context.Context, q querier, topic string) (*table, error) {
	t := &table{}
	var kind string
	var standby bool
	err := q.QueryRow(ctx, `
		SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text, pg_is_in_recovery()
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)`, quoted(topic)).Scan(&t.oid, &t.name, &kind, &standby)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, pipeline.Misconfiguredf(settingTopic, "read table %s on %s: there is none by this name; create it, write its schema before a dot, or give the user USAGE on the schema", topic, s.config.where())
	case err != nil:
		return nil, err
	case standby:
		return nil, pipeline.Misconfiguredf(settingURL, "read table %s on %s: the server is a standby, which doesn't know who is writing to the table; give the primary's address", topic, s.config.where())
	case kind != "r" && kind != "p":
		return nil, pipeline.Misconfiguredf(settingTopic, "read table %s on %s: it is a view or the like, and who is writing to it can't be told; give the table", topic, s.config.where())
	}
	if t.columns, err = columnsOf(ctx, q, t.oid); err != nil {
		return nil, err
	}
	if err := s.check(t); err != nil {
		return nil, err
	}
	if t.tree, err = treeOf(ctx, q, t.oid); err != nil {
		return nil, err
	}
	if t.sequence, err = sequenceOf(ctx, q, t.name, s.config.Column); err != nil {
		return nil, err
	}
	return t, s.checkSequence(t)
}

func columnsOf(ctx context.Context, q querier, oid uint32) ([]column, error) {
	rows, err := q.Query(ctx, `SELECT attname, atttypid, format_type(atttypid, atttypmod), attnotnull
		FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, oid)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (c column, err error) {
		return c, r.Scan(&c.name, &c.typ, &c.kind, &c.notNull)
	})
}

// treeOf is the table with its partitions, or with those that inherit from it:
// a row may be written to any of them.
func treeOf(ctx context.Context, q querier, oid uint32) ([]uint32, error) {
	rows, err := q.Query(ctx, `WITH RECURSIVE tree(oid) AS (
		SELECT $1::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON i.inhparent = tree.oid) SELECT oid FROM tree`, oid)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uint32])
}

func sequenceOf(ctx context.Context, q querier, table, column string) (s sequence, err error) {
	err = q.QueryRow(ctx, `SELECT seqcache, seqincrement,
			CASE WHEN has_sequence_privilege(seqrelid, 'SELECT, USAGE') THEN pg_sequence_last_value(seqrelid) END
		FROM pg_sequence WHERE seqrelid = pg_get_serial_sequence($1, $2)::regclass`, table, column).Scan(&s.cache, &s.increment, &s.last)
	if errors.Is(err, pgx.ErrNoRows) {
		return sequence{}, nil
	}
	return s, err
}

func (t *table) column(name string) (column, bool) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, false
	}
	return t.columns[i], true
}

// check holds the settings against the table's columns.
func (s *Source) check(t *table) error {
	var errs []error
	bad := func(setting, format string, args ...any) {
		errs = append(errs, pipeline.Misconfiguredf(setting, "read table "+t.name+": "+format, args...))
	}
	switch c, ok := t.column(s.config.Column); {
	case !ok:
		bad(settingColumn, "it has no column %q", s.config.Column)
	case c.typ != typeInt8 && c.typ != typeInt4 && c.typ != typeInt2:
		bad(settingColumn, "column %q is %s, not an integer", c.name, c.kind)
	case !c.notNull:
		bad(settingColumn, "column %q may be null, and a row without a value would never be read: ALTER TABLE … ALTER COLUMN … SET NOT NULL", c.name)
	}
	for _, name := range s.config.Columns {
		if _, ok := t.column(name); !ok {
			bad(settingColumns, "it has no column %q", name)
		}
	}
	if name := s.config.Timestamp; name != "" {
		switch c, ok := t.column(name); {
		case !ok:
			bad(settingTimestamp, "it has no column %q", name)
		case c.typ != typeTimestamp && c.typ != typeTimestampTZ:
			bad(settingTimestamp, "column %q is %s, not a timestamp", c.name, c.kind)
		}
	}
	return errors.Join(errs...)
}

// checkSequence refuses a sequence that gives numbers out long before they are
// used, or downwards. Who has set a lag has said how long that takes.
func (s *Source) checkSequence(t *table) error {
	switch {
	case t.increment != nil && *t.increment < 0:
		return pipeline.Misconfiguredf(settingColumn, "read table %s: the sequence of column %q counts downwards", t.name, s.config.Column)
	case t.cache != nil && *t.cache > 1 && s.config.Lag == 0:
		return pipeline.Misconfiguredf(settingColumn,
			"read table %s: the sequence of column %q hands out %d numbers at once, so that rows come in any order, and some would never be read: ALTER SEQUENCE … CACHE 1, or set source.postgres.lag", t.name, s.config.Column, *t.cache)
	}
	return nil
}

// fields are the record's columns.
func (s *Source) fields(t *table) []column {
	if len(s.config.Columns) == 0 {
		return t.columns
	}
	var out []column
	for _, name := range s.config.Columns {
		c, _ := t.column(name) // check has found it
		out = append(out, c)
	}
	return out
}

// selectRows is the query of a read: offset, time in milliseconds, and the row
// as JSON, from $1 up to $2. A timestamp without a zone is UTC's.
func (s *Source) selectRows(t *table) string {
	var list []string
	for _, c := range s.fields(t) {
		expression := "t." + quote(c.name)
		if c.typ == typeTimestamp {
			expression += " AT TIME ZONE 'UTC'"
		}
		list = append(list, expression+" AS "+quote(c.name))
	}
	stamp := "0"
	if s.config.Timestamp != "" {
		stamp = fmt.Sprintf("coalesce(floor(extract(epoch FROM CASE WHEN isfinite(t.%[1]s) THEN t.%[1]s END) * 1000), 0)", quote(s.config.Timestamp))
	}
	return fmt.Sprintf(`SELECT t.%[1]s::int8, %[2]s::int8, row_to_json(r)::text FROM %[3]s t CROSS JOIN LATERAL (SELECT %[4]s) r
		WHERE t.%[1]s >= $1 AND t.%[1]s < $2 ORDER BY t.%[1]s`, quote(s.config.Column), stamp, t.name, strings.Join(list, ", "))
}
