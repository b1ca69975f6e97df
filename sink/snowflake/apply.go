package snowflake

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
)

// apply makes the commit in one transaction, or reports that another one came
// first. The fence is moved first: whoever moves it owns the next number, and a
// zombie finds it moved.
func (s *Sink) apply(ctx context.Context, st *ledger.State, p ledger.Plan, a *attempt) (made bool, err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return false, s.fault(err, "connect")
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	tx := &transaction{s: s, conn: conn, rec: p.Commit}
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		tx.rollback(ctx) // the answer may be all that was lost
		return false, s.fault(err, "begin a transaction")
	}
	moved, err := tx.fence(ctx, st)
	if err == nil && moved {
		err = tx.write(ctx, p, a)
	}
	if err != nil || !moved {
		tx.rollback(ctx)
		return false, err
	}
	s.step("written")
	_, err = conn.ExecContext(ctx, "COMMIT")
	s.step("committed")
	if err != nil {
		tx.rollback(ctx) // does nothing if it was committed
	}
	return s.outcome(ctx, p.Commit, err)
}

// outcome finds out what became of a commit, whatever its answer was. One that
// was lost may have been made; and a COMMIT succeeds without doing anything if
// Snowflake had rolled the transaction back before.
func (s *Sink) outcome(ctx context.Context, rec *ledger.Record, answer error) (bool, error) {
	there, err := s.find(context.WithoutCancel(ctx), rec.Sequence)
	switch {
	case err != nil:
		return false, err
	case there != nil && there.ID == rec.ID:
		return true, nil
	case there != nil:
		return false, nil
	case answer != nil:
		return false, s.fault(answer, fmt.Sprintf("commit %d to table %s", rec.Sequence, s.table))
	}
	return false, pipeline.Faultf(pipeline.Transient, "commit %d to table %s: Snowflake had rolled the transaction back, as it does to one that idles and blocks others: nothing was committed", rec.Sequence, s.table)
}

// transaction is the one that a commit is made in.
type transaction struct {
	s    *Sink
	conn *sql.Conn
	rec  *ledger.Record
}

// rollback ends the transaction, or else its session: one that went back into
// the pool with the transaction open would show what isn't committed to whoever
// reads by it next. Snowflake rolls back what a session leaves.
func (t *transaction) rollback(ctx context.Context) {
	ctx, cancel := farewell(ctx)
	defer cancel()
	if _, err := t.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = t.conn.Raw(func(any) error { return driver.ErrBadConn }) // the one error that takes it out of the pool
	}
}

// ours is a condition that holds while the fence is where this transaction has
// put it. Every statement has it: once Snowflake has rolled the transaction back
// (a worker was frozen in the middle of it), what follows runs, and commits, by
// itself. Without this, a zombie would double rows.
func (t *transaction) ours() string {
	return "EXISTS (SELECT 1 FROM " + t.s.fence + " WHERE " + t.here() + ")"
}

// here is the condition on the fence's own row.
func (t *transaction) here() string {
	return fmt.Sprintf("%s = %d AND %s = '%s'", quote("seq"), t.rec.Sequence, quote("id"), t.rec.ID)
}

// fence moves the state from the one that was planned on to the next.
func (t *transaction) fence(ctx context.Context, st *ledger.State) (bool, error) {
	next, err := st.Fold(t.rec)
	if err != nil {
		return false, bugf("commit %d to table %s: %w", t.rec.Sequence, t.s.table, err)
	}
	text, err := json.Marshal(next)
	if err != nil {
		return false, bugf("encode the state of commit %d: %w", t.rec.Sequence, err)
	}
	n, err := exec(ctx, t.conn, "UPDATE "+t.s.fence+" SET "+quote("seq")+" = ?, "+quote("id")+" = ?, "+quote("checkpoint")+" = ?, "+quote("state")+
		" = ? WHERE "+quote("seq")+" = ? AND "+quote("id")+" = ?", t.rec.Sequence, t.rec.ID, next.Checkpoint.String(), string(text), st.Sequence, st.Tip)
	if err != nil {
		return false, t.s.fault(err, "move the fence of table "+t.s.table)
	}
	if n > 1 {
		return false, bugf("move the fence of table %s: %s has %d rows, it must have one", t.s.table, t.s.fence, n)
	}
	t.s.step("fenced")
	return n == 1, nil
}

// write moves rows and adds the record.
func (t *transaction) write(ctx context.Context, p ledger.Plan, a *attempt) error {
	for _, move := range []struct {
		items []ledger.Item
		files []ledger.DataFile
		from  string
		to    string
	}{
		{p.Table, t.rec.Table, rowsSuffix, t.s.table},
		{p.Held, t.rec.Held, rowsSuffix, t.s.held},
		{p.Rejects, t.rec.Rejects, rejectsSuffix, t.s.rejects},
	} {
		if err := t.insert(ctx, a, move.items, move.files, move.from, move.to); err != nil {
			return err
		}
		t.s.step("inserted")
	}
	if err := t.release(ctx, p); err != nil {
		return err
	}
	for _, from := range []struct {
		table string
		files []string
	}{{t.s.table, t.rec.RemoveTable}, {t.s.held, t.rec.RemoveQuarantine}, {t.s.rejects, t.rec.RemoveQuarantine}} {
		if len(from.files) == 0 {
			continue
		}
		if _, err := exec(ctx, t.conn, "DELETE FROM "+from.table+" WHERE "+in(from.files)+" AND "+t.ours()); err != nil {
			return t.s.fault(err, "remove rows from "+from.table)
		}
	}
	text, err := json.Marshal(t.rec)
	if err != nil {
		return bugf("encode commit %d: %w", t.rec.Sequence, err)
	}
	n, err := exec(ctx, t.conn, "INSERT INTO "+t.s.log+" ("+quote("seq")+", "+quote("id")+", "+quote("record")+") SELECT ?, ?, ? FROM "+t.s.fence+" WHERE "+t.here(),
		t.rec.Sequence, t.rec.ID, string(text))
	if err != nil {
		return t.s.fault(err, "add the commit to "+t.s.log)
	}
	if n != 1 {
		return t.cutOff()
	}
	return nil
}

// cutOff is the error of a transaction that Snowflake has rolled back.
func (t *transaction) cutOff() error {
	return pipeline.Faultf(pipeline.Transient, "commit %d to table %s: its transaction isn't open any more, or its staging table is gone: the next attempt begins anew", t.rec.Sequence, t.s.table)
}

// insert takes rows over from a staging table, and counts them.
func (t *transaction) insert(ctx context.Context, a *attempt, items []ledger.Item, files []ledger.DataFile, suffix, to string) error {
	var want int64
	var names []string
	for i, item := range items {
		if item.Origin == ledger.Staged {
			want, names = want+files[i].Rows, append(names, files[i].Path)
		}
	}
	if len(names) == 0 {
		return nil
	}
	columns := list(a.tables[suffix])
	n, err := exec(ctx, t.conn, "INSERT INTO "+to+" ("+columns+", "+list(bookkeeping)+") SELECT "+columns+", "+quote(colFile)+", "+
		fmt.Sprint(t.rec.Sequence)+" FROM "+a.table(suffix)+" WHERE "+in(names)+" AND "+t.ours())
	if err != nil {
		return t.s.fault(err, "insert rows into "+to)
	}
	if n == 0 && want > 0 {
		return t.cutOff()
	}
	if n != want {
		return bugf("insert rows into %s: %d came in, %d were staged: nothing is committed", to, n, want)
	}
	return nil
}

// release moves held rows into the table.
func (t *transaction) release(ctx context.Context, p ledger.Plan) error {
	for i, item := range p.Table {
		if item.Origin != ledger.Own {
			continue
		}
		columns := list(dataColumns(t.rec.Schema))
		f := t.rec.Table[i]
		n, err := exec(ctx, t.conn, "INSERT INTO "+t.s.table+" ("+columns+", "+list(bookkeeping)+") SELECT "+columns+", ?, ? FROM "+t.s.held+" WHERE "+in([]string{item.Was.Path})+" AND "+t.ours(),
			f.Path, t.rec.Sequence)
		if err != nil {
			return t.s.fault(err, "release held rows into "+t.s.table)
		}
		if n != f.Rows {
			return pipeline.Faultf(pipeline.BadData, "release held rows into %s: %d of %d are there: somebody changed %s; nothing is committed", t.s.table, n, f.Rows, t.s.held)
		}
	}
	return nil
}

// in is a condition on the file that rows came from. Names of files are made
// here, of letters, digits and dashes.
func in(files []string) string {
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = "'" + strings.ReplaceAll(f, "'", "''") + "'"
	}
	return quote(colFile) + " IN (" + strings.Join(quoted, ", ") + ")"
}

// execer is a connection, or a pool of them.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// exec runs a statement and returns how many rows it touched.
func exec(ctx context.Context, on execer, query string, args ...any) (int64, error) {
	res, err := on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
