package snowflake

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Cleanup drops the staging tables of attempts that didn't get to it, and
// removes their files from the stage. age must be longer than a load takes.
func (s *Sink) Cleanup(ctx context.Context, age time.Duration) ([]string, error) {
	if age < 0 {
		return nil, bugf("clean up table %s: age %s is negative", s.table, age)
	}
	before := s.now().Add(-age)
	tables, err := s.leftovers(ctx, before)
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, t := range tables {
		if _, err := s.db.ExecContext(ctx, "DROP TABLE IF EXISTS "+s.cfg.name(t)); err != nil {
			return removed, s.fault(err, "drop staging table "+t)
		}
		removed = append(removed, t)
	}
	if s.keepStage {
		return removed, nil
	}
	files, err := s.stale(ctx, before)
	if err != nil {
		return removed, err
	}
	for _, f := range files {
		if _, err := s.db.ExecContext(ctx, "REMOVE "+f); err != nil {
			return removed, s.fault(err, "remove "+f)
		}
		removed = append(removed, f)
	}
	return removed, nil
}

// leftovers lists staging tables that were made before a time, which is part of
// their names.
func (s *Sink) leftovers(ctx context.Context, before time.Time) ([]string, error) {
	mark := upper(s.cfg.Table) + stagingMark
	var name string
	var out []string
	err := s.each(ctx, "list staging tables", "SELECT TABLE_NAME FROM "+quote(s.cfg.Database)+".INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ?",
		[]any{upper(s.cfg.schema())}, []any{&name}, func() error {
			rest, ours := strings.CutPrefix(name, mark)
			made, _, _ := strings.Cut(rest, "_")
			at, err := strconv.ParseInt(made, 10, 64)
			if ours && err == nil && !time.Unix(at, 0).After(before) {
				out = append(out, name)
			}
			return nil
		})
	return out, err
}

// listTime is how LIST writes a time. RFC 1123 lets a day have one digit.
const listTime = "Mon, 2 Jan 2006 15:04:05 MST"

// stale lists files below the table's folder of the stage that are older than a
// time. A stage that isn't there has none.
func (s *Sink) stale(ctx context.Context, before time.Time) ([]string, error) {
	at := "@" + s.cfg.name(s.cfg.stage()) + "/"
	var name, size, md5, modified string
	var out []string
	err := s.each(ctx, "list stage "+at, "LIST "+at+strings.ToLower(s.cfg.Table)+"/", nil, []any{&name, &size, &md5, &modified}, func() error {
		t, err := time.Parse(listTime, modified)
		if err != nil {
			return pipeline.Faultf(pipeline.Bug, "read the age of %s in stage %s: %w", name, at, err)
		}
		if t.Before(before) {
			_, file, _ := strings.Cut(name, "/") // the first part is the stage
			out = append(out, at+file)
		}
		return nil
	})
	if isMissing(err) {
		return nil, nil
	}
	return out, err
}
