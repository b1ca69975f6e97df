package snowflake

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	driver "github.com/snowflakedb/gosnowflake/v2"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
)

// Sink is one table in Snowflake. It is safe for concurrent use, also by
// several processes: the ledger's fence decides.
type Sink struct {
	cfg  Config
	db   *sql.DB
	book ledger.Book
	now  func() time.Time
	step func(point string) // called between the steps of a commit; tests kill the process there

	// keepStage leaves files in the stage: a server for tests may know no REMOVE.
	keepStage bool

	table, held, rejects, log, fence string // quoted names
}

var _ sink.Sink = (*Sink)(nil)

// New checks the settings. It connects with the first call.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c, err := cfg.connection()
	if err != nil {
		return nil, err
	}
	// What the driver would write to stderr comes back as errors too.
	if err := driver.GetLogger().SetLogLevel("off"); err != nil {
		return nil, bugf("silence the driver's log: %w", err)
	}
	db := sql.OpenDB(driver.NewConnector(driver.SnowflakeDriver{}, c))
	// A session costs a login, and is dropped by Snowflake after some hours.
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(2 * time.Minute)
	return newSink(cfg, db), nil
}

func newSink(cfg Config, db *sql.DB) *Sink {
	s := &Sink{cfg: cfg, db: db, now: time.Now, step: ledger.Step}
	s.table, s.held, s.rejects = cfg.name(cfg.Table), cfg.name(cfg.Table+"_held"), cfg.name(cfg.Table+"_quarantine")
	s.log, s.fence = cfg.name(cfg.Table+"_ledger"), cfg.name(cfg.Table+"_state")
	s.book = ledger.Book{Table: s.table, Read: s.record}
	return s
}

// Close ends the sessions.
func (s *Sink) Close() error { return s.db.Close() }

// State reads the last commit.
func (s *Sink) State(ctx context.Context) (sink.State, error) {
	st, err := s.state(ctx)
	if err != nil {
		return sink.State{}, err
	}
	return st.Public(), nil
}

// Entries lists the batches that have records outside the table.
func (s *Sink) Entries(ctx context.Context) ([]sink.Entry, error) {
	st, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	return s.book.Entries(ctx, st)
}

// Gaps lists what loads found gone, merged and ordered.
func (s *Sink) Gaps(ctx context.Context) ([]pipeline.Range, error) {
	st, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	return st.Missing(), nil
}

// Covered lists the ranges of the loads that are in, merged and ordered.
func (s *Sink) Covered(ctx context.Context) ([]pipeline.Range, error) {
	st, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	return st.Covered, nil
}

// state reads the fence's row. A table that isn't there is the zero state, if
// the schema is: an account that can't be read must not look like an empty one.
func (s *Sink) state(ctx context.Context) (*ledger.State, error) {
	var text string
	err := s.db.QueryRowContext(ctx, "SELECT "+quote("state")+" FROM "+s.fence).Scan(&text)
	if isMissing(err) {
		return &ledger.State{}, s.reachable(ctx)
	}
	if err != nil {
		return nil, s.fault(err, "read the state of table "+s.table)
	}
	st := &ledger.State{}
	if err := json.Unmarshal([]byte(text), st); err != nil {
		return nil, bugf("read the state of table %s: %w: restore %s, nothing can be committed before", s.table, err, s.fence)
	}
	if st.Sequence > 0 && st.Format != ledger.Format {
		return nil, bugf("read the state of table %s: it has format %d, this program reads format %d: is the program older than the table?", s.table, st.Format, ledger.Format)
	}
	return st, nil
}

// reachable tells a schema without our tables from one that isn't there, or
// that the role may not use.
func (s *Sink) reachable(ctx context.Context) error {
	var n int64
	err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+quote(s.cfg.Database)+".INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = ?", upper(s.cfg.schema())).Scan(&n)
	if isMissing(err) {
		return pipeline.Misconfiguredf("SNOWFLAKE_DATABASE",
			"look up database %s: it isn't there, or the role may not use it: create it, or grant USAGE on it to the role: %w", s.cfg.Database, s.scrub(err))
	}
	if err != nil {
		return s.fault(err, "look up schema "+s.cfg.schema()+" of database "+s.cfg.Database)
	}
	if n == 0 {
		return pipeline.Misconfiguredf("SNOWFLAKE_SCHEMA",
			"look up schema %s of database %s: it isn't there, or the role may not use it: create it, or grant USAGE on it to the role", s.cfg.schema(), s.cfg.Database)
	}
	return nil
}

// record reads a commit that has to be there.
func (s *Sink) record(ctx context.Context, sequence int64) (*ledger.Record, error) {
	rec, err := s.find(ctx, sequence)
	if err == nil && rec == nil {
		return nil, bugf("read commit %d of %s: it is gone, later commits build on it: restore the table", sequence, s.log)
	}
	return rec, err
}

// find reads a commit, or nil.
func (s *Sink) find(ctx context.Context, sequence int64) (*ledger.Record, error) {
	var text string
	err := s.db.QueryRowContext(ctx, "SELECT "+quote("record")+" FROM "+s.log+" WHERE "+quote("seq")+" = ?", sequence).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) || isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.fault(err, fmt.Sprintf("read commit %d of %s", sequence, s.log))
	}
	var rec ledger.Record
	if err := json.Unmarshal([]byte(text), &rec); err != nil {
		return nil, bugf("read commit %d of %s: %w", sequence, s.log, err)
	}
	if !rec.Sound() || rec.Sequence != sequence {
		return nil, bugf("read commit %d of %s: it is no commit of this program", sequence, s.log)
	}
	return &rec, nil
}

// Load commits a batch: its rows, its quarantine and the checkpoint.
func (s *Sink) Load(ctx context.Context, l sink.Load) (sink.Receipt, error) {
	return s.commit(ctx, "run "+l.RunID, func(st *ledger.State) (ledger.Plan, error) { return s.book.Load(ctx, st, l) })
}

// Settle moves records of one batch between quarantine and table.
func (s *Sink) Settle(ctx context.Context, se sink.Settlement) (sink.Receipt, error) {
	return s.commit(ctx, "settlement "+se.ID, func(st *ledger.State) (ledger.Plan, error) { return s.book.Settle(ctx, st, se) })
}

// Rollback removes the last load's rows, and sets the checkpoint back.
func (s *Sink) Rollback(ctx context.Context, batchID, reason string) (sink.State, error) {
	_, err := s.commit(ctx, "rollback "+batchID, func(st *ledger.State) (ledger.Plan, error) {
		return s.book.Rollback(ctx, st, batchID, reason)
	})
	if err != nil {
		return sink.State{}, err
	}
	return s.State(ctx)
}

// Expire removes an entry's rows for good.
func (s *Sink) Expire(ctx context.Context, batchID string, revision int64, reason string) error {
	_, err := s.commit(ctx, "expiry "+batchID, func(st *ledger.State) (ledger.Plan, error) {
		return s.book.Expire(ctx, st, batchID, revision, reason)
	})
	return err
}

// commit makes the planned commit, and plans again whenever another one came
// first. The receipt is zero if there was nothing to commit. tag is what
// Snowflake's query history shows.
func (s *Sink) commit(ctx context.Context, tag string, decide func(*ledger.State) (ledger.Plan, error)) (sink.Receipt, error) {
	ctx = driver.WithQueryTag(ctx, "adp "+tag)
	a := s.newAttempt()
	defer a.drop(ctx)
	for blocked := 0; ; {
		st, err := s.state(ctx)
		if err != nil {
			return sink.Receipt{}, err
		}
		p, err := decide(st)
		switch {
		case err != nil:
			return sink.Receipt{}, err
		case p.Repeat != nil:
			return *p.Repeat, nil
		case p.Commit == nil:
			return sink.Receipt{}, nil
		}
		made, err := s.try(ctx, st, p, a)
		if isConflict(err) && blocked < maxBlocked {
			blocked++
			if err := pause(ctx, time.Duration(blocked)*blockedPause); err != nil {
				return sink.Receipt{}, err
			}
			continue
		}
		if err != nil {
			return sink.Receipt{}, err
		}
		if made {
			return s.book.Receipt(p.Commit, p.Commit), nil
		}
	}
}

// try makes one commit, or finds its number taken.
func (s *Sink) try(ctx context.Context, st *ledger.State, p ledger.Plan, a *attempt) (bool, error) {
	if err := s.prepare(ctx, st, p.Commit.Schema); err != nil {
		return false, err
	}
	s.step("prepared")
	if err := a.stage(ctx, &p); err != nil {
		return false, err
	}
	p.Commit.Follow(st, a.id, s.now())
	return s.apply(ctx, st, p, a)
}

// How often, and for how long, a commit waits for another transaction: about
// half a minute in all. Longer waits are the activity's, which shows them.
const (
	maxBlocked   = 16
	blockedPause = 250 * time.Millisecond
)

// farewell is a context for tidying up after one that may have ended, within
// a limit: what is left undone then is the clean-up's, or Snowflake's.
func farewell(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return hex.EncodeToString(b[:])
}
