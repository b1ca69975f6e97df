// Package sink says where tables go. One Sink is one table with its
// quarantine and its checkpoint, which change together or not at all. The
// records themselves come as staged Parquet files; nothing here decides what
// to load.
package sink

import (
	"context"
	"errors"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// ErrConflict means that the sink moved on since the caller looked: another
// run committed, or another person answered. Nothing was changed.
var ErrConflict = errors.New("the sink's state has moved on")

// State is what the sink holds, as of its last commit. The zero value is a
// table that doesn't exist yet.
type State struct {
	Sequence      int64               `json:"sequence"`           // of the last commit; 0 is none
	Pipeline      string              `json:"pipeline,omitempty"` // whose table it is
	Topic         string              `json:"topic,omitempty"`    // that the offsets are of
	Checkpoint    pipeline.Checkpoint `json:"checkpoint"`
	Schema        *schemas.Schema     `json:"schema,omitempty"`
	SchemaVersion int                 `json:"schema_version,omitempty"`
	Expired       Expired             `json:"expired,omitzero"`
}

// Check refuses a table that another pipeline or topic has begun: its checkpoint
// is of other offsets, and following it would lose records.
func (s State) Check(table, pipelineName, topic string) error {
	if s.Pipeline == "" || s.Pipeline == pipelineName && s.Topic == topic {
		return nil
	}
	return pipeline.Misconfiguredf("sink.table", "use table %s for pipeline %s and topic %s: it is pipeline %s's, with the offsets of topic %s: give each a table of its own",
		table, pipelineName, topic, s.Pipeline, s.Topic)
}

// Expired is what Expire has removed for good: so many records, somewhere in
// these ranges.
type Expired struct {
	Ranges  []pipeline.Range `json:"ranges"` // merged and ordered
	Records int64            `json:"records"`
}

// Load is one batch's commit.
type Load struct {
	RunID         string              `json:"run_id"`
	Batch         pipeline.Batch      `json:"batch"`
	Base          pipeline.Checkpoint `json:"base"`     // the checkpoint that the run was planned on
	Sequence      int64               `json:"sequence"` // if above 0: the last commit must still be this one; what fences a backfill, which leaves the checkpoint alone
	Gaps          []pipeline.Range    `json:"gaps,omitempty"`
	Schema        *schemas.Schema     `json:"schema"`
	SchemaVersion int                 `json:"schema_version"`
	Table         []pipeline.File     `json:"table"`      // clean files, to become rows
	Quarantine    []pipeline.File     `json:"quarantine"` // suspect and malformed files
	Held          bool                `json:"held"`       // Table stays out too, until a person answers
	Records       pipeline.Records    `json:"records"`    // what the batch held; conserved
}

// Receipt proves a commit.
type Receipt struct {
	RunID      string              `json:"run_id"` // of the run that made the commit: a repeat tells whether it was another
	Sequence   int64               `json:"sequence"`
	BatchID    string              `json:"batch_id"`
	Checkpoint pipeline.Checkpoint `json:"checkpoint"`
	Repeated   bool                `json:"repeated"` // this commit had been made before; nothing was changed now
	Records    pipeline.Records    `json:"records"`  // as the commit gave them
	Table      []pipeline.File     `json:"table"`    // the table files that the commit added, where they are now
	Quarantine []pipeline.File     `json:"quarantine"`
}

// Status is what is to become of quarantined records.
type Status string

// The statuses of a quarantine entry.
const (
	Quarantined Status = "quarantined"
	HeldBatch   Status = "held"      // awaiting approval
	Discarded   Status = "discarded" // stays in quarantine for good
	Settled     Status = "settled"   // nothing of it is left outside the table
)

// Entry is one batch's quarantine.
type Entry struct {
	BatchID  string          `json:"batch_id"`
	Batch    pipeline.Batch  `json:"batch"`
	RunID    string          `json:"run_id"`
	Status   Status          `json:"status"`
	At       time.Time       `json:"at"`       // when it last changed
	Revision int64           `json:"revision"` // sequence of the commit that last changed it: what Settle compares
	Rejects  []pipeline.File `json:"rejects"`  // suspect and malformed files
	Held     []pipeline.File `json:"held"`     // clean files of a held batch
	Records  int64           `json:"records"`  // rows in Rejects and Held
}

// Settlement moves records between quarantine and table, for one batch. It
// replaces the entry's files: what leaves the entry must be in Table.
type Settlement struct {
	ID            string           `json:"id"` // makes a repeat harmless
	BatchID       string           `json:"batch_id"`
	Revision      int64            `json:"revision"` // the entry's, when it was read
	Resolution    string           `json:"resolution"`
	By            string           `json:"by"` // who decided
	Status        Status           `json:"status"`
	Schema        *schemas.Schema  `json:"schema"`
	SchemaVersion int              `json:"schema_version"`
	Table         []pipeline.File  `json:"table"`      // staged clean files, or files of Entry.Held, to become rows
	Quarantine    []pipeline.File  `json:"quarantine"` // staged reject files, or files of Entry.Rejects, that stay
	Held          []pipeline.File  `json:"held"`       // files of Entry.Held that stay: a discarded batch's
	Records       pipeline.Records `json:"records"`    // the batch's, afterwards
}

// Problem is one thing that validation found wrong.
type Problem struct {
	File   string `json:"file,omitempty"`
	Column string `json:"column,omitempty"`
	What   string `json:"what"` // "row count", "null count", "min", "max", "checksum", "missing file", "unreadable", …
	Want   string `json:"want,omitempty"`
	Got    string `json:"got,omitempty"`
}

// Verdict is what reading back showed. No problem means that the table holds
// what was meant.
type Verdict struct {
	BatchID  string    `json:"batch_id"`
	Rows     int64     `json:"rows"`
	Rejects  int64     `json:"rejects"`
	Problems []Problem `json:"problems,omitempty"`
}

// Place is where a Kafka record was found.
type Place string

// The places of a record.
const (
	InTable      Place = "table"
	InQuarantine Place = "quarantine" // a held batch's suspect and malformed records too
	InHeld       Place = "held"       // a held batch's clean records
)

// Sink is one table. Implementations are safe for concurrent use, also by
// several processes; every method may be repeated.
type Sink interface {
	// State reads the last commit, and first finishes what a crash between a
	// commit and its publication has left.
	State(ctx context.Context) (State, error)

	// Load commits rows, quarantine and checkpoint in one atomic step. A batch
	// that is in already gives its receipt again with Repeated set. A base
	// that isn't the checkpoint any more is ErrConflict. Until it returns,
	// readers see nothing of the batch.
	Load(ctx context.Context, l Load) (Receipt, error)

	// Entries lists quarantine entries that aren't settled, oldest first.
	Entries(ctx context.Context) ([]Entry, error)

	// Rejects streams an entry's suspect and malformed records, in order of
	// (partition, offset) within each file. An error of fn ends it.
	Rejects(ctx context.Context, e Entry, fn func(pipeline.Reject) error) error

	// Settle commits a settlement. A revision that isn't the entry's any more
	// is ErrConflict, unless a settlement of this ID is in already: then its
	// receipt comes again with Repeated set, whatever else s says.
	Settle(ctx context.Context, s Settlement) (Receipt, error)

	// Validate reads back what a batch put into table and quarantine, with
	// other code than wrote it, and compares with the receipt's statistics.
	// A mismatch is in the verdict, not an error.
	Validate(ctx context.Context, r Receipt) (Verdict, error)

	// Rollback takes a batch out again and sets the checkpoint back, if it is
	// still the last load; ErrConflict if not.
	Rollback(ctx context.Context, batchID, reason string) (State, error)

	// Expire removes an entry's records for good, because a retention says so: the
	// one way in which a record leaves the sink. It is a commit, and State counts
	// what it took. A revision that isn't the entry's any more is ErrConflict, as
	// is an entry that is held; one that is gone already changes nothing.
	Expire(ctx context.Context, batchID string, revision int64, reason string) error

	// Locate calls fn for every record that the sink holds. It reads the data
	// files themselves, not the log.
	Locate(ctx context.Context, fn func(place Place, partition int32, offset int64) error) error

	// Gaps lists the offsets that loads recorded as gone before they were read.
	Gaps(ctx context.Context) ([]pipeline.Range, error)

	// Covered lists the ranges of all loads that are in, merged and ordered:
	// every record in them is in table, quarantine or held. A backfill reads
	// the rest.
	Covered(ctx context.Context) ([]pipeline.Range, error)

	// Cleanup removes files that no commit names and that are older than age.
	// It returns what it removed.
	Cleanup(ctx context.Context, age time.Duration) ([]string, error)

	Close() error
}
