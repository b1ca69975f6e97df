package snowflake

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
)

// prepare makes the tables fit a schema. It is DDL, which commits whatever is
// open, so it runs before the transaction: a column that no commit uses yet
// hurts nobody.
func (s *Sink) prepare(ctx context.Context, st *ledger.State, schema *schemas.Schema) error {
	if schema == nil || st.Schema != nil && st.Schema.Fingerprint() == schema.Fingerprint() {
		return nil
	}
	columns := append(dataColumns(schema), bookkeeping...)
	if err := checkNames(columns); err != nil {
		return err
	}
	if st.Sequence == 0 {
		if err := s.begin(ctx, columns); err != nil {
			return err
		}
	}
	for _, table := range []string{s.cfg.Table, s.cfg.Table + "_held"} {
		if err := s.fit(ctx, table, columns); err != nil {
			return err
		}
	}
	return nil
}

// checkNames refuses fields that Snowflake couldn't tell apart.
func checkNames(columns []column) error {
	seen := map[string]string{}
	for _, c := range columns {
		if other, ok := seen[upper(c.name)]; ok {
			return pipeline.Misconfiguredf("schema.file", "make a table with fields %q and %q: in Snowflake they have the same name; rename one", other, c.name)
		}
		seen[upper(c.name)] = c.name
	}
	return nil
}

// begin creates what isn't there. The fence's table is made with its row in it,
// so that it never has none, or two; that it was there already is an error then,
// since Snowflake's grammar has no IF NOT EXISTS for a table made of a query.
func (s *Sink) begin(ctx context.Context, columns []column) error {
	zero, err := json.Marshal(&ledger.State{Format: ledger.Format})
	if err != nil {
		return bugf("encode an empty state: %w", err)
	}
	if err := s.unclaimed(ctx); err != nil {
		return err
	}
	for _, ddl := range []string{
		"CREATE STAGE IF NOT EXISTS " + s.cfg.name(s.cfg.stage()),
		"CREATE TABLE IF NOT EXISTS " + s.table + " (" + declared(columns) + ")",
		"CREATE TABLE IF NOT EXISTS " + s.held + " (" + declared(columns) + ")",
		"CREATE TABLE IF NOT EXISTS " + s.rejects + " (" + declared(append(rejectColumns[:len(rejectColumns):len(rejectColumns)], bookkeeping...)) + ")",
		"CREATE TABLE IF NOT EXISTS " + s.log + " (" + quote("seq") + " NUMBER(19,0), " + quote("id") + " VARCHAR, " + quote("record") + " VARCHAR)",
		"CREATE TABLE " + s.fence + " AS SELECT 0::NUMBER(19,0) AS " + quote("seq") + ", ''::VARCHAR AS " + quote("id") +
			", ''::VARCHAR AS " + quote("checkpoint") + ", '" + string(zero) + "'::VARCHAR AS " + quote("state"),
	} {
		if _, err := s.db.ExecContext(ctx, ddl); err != nil && !isThere(err) {
			return s.fault(err, "create the tables and the stage of "+s.table+": "+strings.Join(strings.Fields(ddl)[:2], " "))
		}
	}
	return nil
}

// unclaimed refuses to begin a table among rows that no ledger accounts for.
func (s *Sink) unclaimed(ctx context.Context) error {
	var n int64
	err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+s.table).Scan(&n)
	switch {
	case isMissing(err):
		return nil
	case err != nil:
		return s.fault(err, "count the rows of "+s.table)
	case n == 0:
		return nil
	}
	st, err := s.state(ctx)
	if err != nil {
		return err
	}
	if st.Sequence > 0 {
		return ledger.Conflictf("begin table %s: another load has begun it", s.table)
	}
	return pipeline.Misconfiguredf("SNOWFLAKE_TABLE",
		"begin table %s: it has %d rows, and no ledger accounts for them: choose another table, or restore %s", s.table, n, s.log)
}

// fit adds the columns that a table lacks, and refuses a table of another
// shape.
func (s *Sink) fit(ctx context.Context, table string, want []column) error {
	have, err := s.columns(ctx, table)
	if err != nil {
		return err
	}
	for _, c := range want {
		family, ok := have[upper(c.name)]
		if !ok {
			_, err := s.db.ExecContext(ctx, "ALTER TABLE "+s.cfg.name(table)+" ADD COLUMN IF NOT EXISTS "+quote(c.name)+" "+c.sql)
			if err != nil {
				return s.fault(err, "add column "+c.name+" to table "+table)
			}
			continue
		}
		if family != c.family {
			return pipeline.Misconfiguredf("SNOWFLAKE_TABLE",
				"use table %s: its column %s is %s, the pipeline's is %s: choose another table, or change the column", s.cfg.name(table), upper(c.name), family, c.family)
		}
	}
	return nil
}

// columns are a table's columns with their types.
func (s *Sink) columns(ctx context.Context, table string) (out map[string]string, err error) {
	what := "look up the columns of " + s.cfg.name(table)
	rows, err := s.db.QueryContext(ctx, "SELECT COLUMN_NAME, DATA_TYPE FROM "+quote(s.cfg.Database)+
		".INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", upper(s.cfg.schema()), upper(table))
	if err != nil {
		return nil, s.fault(err, what)
	}
	defer func() { _ = rows.Close() }() // its error is Err's
	out = map[string]string{}
	for rows.Next() {
		var name, family string
		if err := rows.Scan(&name, &family); err != nil {
			return nil, s.fault(err, what)
		}
		out[name] = family
	}
	return out, s.fault(rows.Err(), what)
}
