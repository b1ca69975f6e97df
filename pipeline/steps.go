package pipeline

import (
	"encoding/json"
	"time"
)

// RunRequest starts a run. Pipeline alone is enough.
type RunRequest struct {
	Pipeline string `json:"pipeline"`
	Trigger  string `json:"trigger,omitempty"`   // manual (default), schedule, retrigger or backfill
	Chain    int    `json:"chain,omitempty"`     // runs that retriggered each other before this one
	DelayS   int64  `json:"delay_s,omitempty"`   // wait this long first: a retrigger's backoff
	ParentID string `json:"parent_id,omitempty"` // run that retriggered this one
}

// BackfillRequest loads ranges that the table doesn't have yet. No range means
// everything that the log still has below the checkpoint.
type BackfillRequest struct {
	Pipeline string  `json:"pipeline"`
	Ranges   []Range `json:"ranges,omitempty"`
	By       string  `json:"by,omitempty"`
}

// Run identifies a run to its activities.
type Run struct {
	Pipeline   string    `json:"pipeline"`
	RunID      string    `json:"run_id"`
	WorkflowID string    `json:"workflow_id"`
	Trigger    string    `json:"trigger"`
	Chain      int       `json:"chain"`
	ParentID   string    `json:"parent_id,omitempty"` // run that retriggered this one
	StartedAt  time.Time `json:"started_at"`
}

// Plan is what a run sets out to do, with the limits that its workflow obeys.
type Plan struct {
	Batch         Batch      `json:"batch"`
	Shards        []Shard    `json:"shards"`
	Base          Checkpoint `json:"base"`
	Sequence      int64      `json:"sequence"` // the sink's last commit when the plan was made
	Backfill      bool       `json:"backfill,omitempty"`
	SchemaVersion int        `json:"schema_version"`
	Gaps          []Range    `json:"gaps,omitempty"`
	Lag           int64      `json:"lag"` // records behind the batch's end
	Limits        Limits     `json:"limits"`
}

// Limits are a pipeline's settings that a workflow needs; recorded with the
// plan, so that changing them doesn't touch runs in flight.
type Limits struct {
	Parallelism     int   `json:"parallelism"`       // shards at once
	Attempts        int32 `json:"attempts"`          // of each activity
	BackoffMs       int64 `json:"backoff_ms"`        // before the second attempt; doubles
	ShardTimeoutS   int64 `json:"shard_timeout_s"`   // one attempt at one shard
	HeartbeatS      int64 `json:"heartbeat_s"`       // silence after which an attempt counts as dead
	MaxSchemaChange int   `json:"max_schema_change"` // remaps in one run
}

// Staged refers to one version of a staged batch: its folder holds the shards'
// results, the evaluation and the selection, so Temporal carries none of them.
type Staged struct {
	Batch         Batch `json:"batch"`
	SchemaVersion int   `json:"schema_version"`
	Shards        int   `json:"shards"`
}

// PlanRequest asks for the next batch, or, with Backfill set, for ranges that
// the table lacks.
type PlanRequest struct {
	Run      Run     `json:"run"`
	Backfill bool    `json:"backfill,omitempty"`
	Ranges   []Range `json:"ranges,omitempty"`
}

// ShardRequest asks for one shard of a staged batch.
type ShardRequest struct {
	Run    Run    `json:"run"`
	Staged Staged `json:"staged"`
	Shard  Shard  `json:"shard"`
}

// EvaluateRequest asks what a staged batch holds.
type EvaluateRequest struct {
	Run    Run    `json:"run"`
	Staged Staged `json:"staged"`
}

// EvolveRequest asks for a schema version with the drift's new fields.
type EvolveRequest struct {
	Run   Run     `json:"run"`
	Base  int     `json:"base"` // schema version that the drift was found under
	Drift []Drift `json:"drift"`
}

// Choice says which records of a batch stay out beside the malformed and
// non-conforming ones, which always do.
type Choice struct {
	Hold   bool     `json:"hold,omitempty"`   // the whole batch
	Raw    bool     `json:"raw,omitempty"`    // of a held batch: every record as it came, since rows would lack new fields
	Column string   `json:"column,omitempty"` // failing records with one of Values in Column
	Values []string `json:"values,omitempty"`
}

// LoadRequest asks for the commit of a staged batch.
type LoadRequest struct {
	Run    Run    `json:"run"`
	Plan   Plan   `json:"plan"`
	Staged Staged `json:"staged"`
	Choice Choice `json:"choice"`
}

// ValidateRequest asks to read a batch back from the sink.
type ValidateRequest struct {
	Run    Run    `json:"run"`
	Staged Staged `json:"staged"`
	// StaysOut is how many records the decision's quarantine must have kept
	// out; nil if it planned none.
	StaysOut *Between `json:"stays_out,omitempty"`
}

// Between bounds a number of records, both ends included.
type Between struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// RollbackRequest asks to take a batch out of the sink again.
type RollbackRequest struct {
	Run     Run    `json:"run"`
	BatchID string `json:"batch_id"`
	Reason  string `json:"reason"`
}

// ReportRequest asks to publish a run's report and to clear its staging.
type ReportRequest struct {
	Report     RunReport  `json:"report"`
	Staged     *Staged    `json:"staged,omitempty"`     // holds ge_results.json, if the run came that far
	Checkpoint Checkpoint `json:"checkpoint,omitempty"` // for the consumer group; nil if nothing was committed
	Clear      bool       `json:"clear,omitempty"`      // remove the batch's staging: everything is in the sink
}

// Notice is a message to people, before it has an address.
type Notice struct {
	ID       string `json:"id"` // stable over retries
	Pipeline string `json:"pipeline"`
	RunID    string `json:"run_id"`
	Workflow string `json:"workflow_id"`
	Incident string `json:"incident,omitempty"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Text     string `json:"text"`
	// Event is opened, reminder, acknowledged or resolved, of an incident; empty
	// is a notice.
	Event string `json:"event,omitempty"`
	// By is who acknowledged or resolved it, and how.
	By         string `json:"by,omitempty"`
	Resolution string `json:"resolution,omitempty"`
	Comment    string `json:"comment,omitempty"`
}

// ScheduleRequest asks to pause or resume a pipeline's schedule.
type ScheduleRequest struct {
	Pipeline string `json:"pipeline"`
	Pause    bool   `json:"pause"`
	Note     string `json:"note"`
}

// IncidentUpdate moves an incident on: acknowledged, or resolved.
type IncidentUpdate struct {
	Pipeline   string      `json:"pipeline"`
	Incident   string      `json:"incident"`
	By         string      `json:"by"`
	Comment    string      `json:"comment,omitempty"`
	Resolution *Resolution `json:"resolution,omitempty"` // nil acknowledges
}

// ShardDone is what a workflow keeps of a processed shard.
type ShardDone struct {
	Shard   int   `json:"shard"`
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
}

// Evaluated is what a run found, ready to be decided on.
type Evaluated struct {
	Records Records `json:"records"`
	Late    Late    `json:"late"`
	Drift   []Drift `json:"drift"`
	Quality Quality `json:"quality"`
}

// Loaded is what a commit did.
type Loaded struct {
	Records    Records    `json:"records"`
	Checkpoint Checkpoint `json:"checkpoint"`
	Sequence   int64      `json:"sequence"`
	Bytes      int64      `json:"bytes"`
}

// Validated is what reading the table back showed. Problems is empty when the
// table holds what was meant; it is cut to a few lines.
type Validated struct {
	Rows     int64    `json:"rows"`
	Rejects  int64    `json:"rejects"`
	Problems []string `json:"problems,omitempty"`
}

// Incident is an escalation as its workflow knows it.
type Incident struct {
	ID         string   `json:"id"`
	Pipeline   string   `json:"pipeline"`
	RunID      string   `json:"run_id"`
	Decision   string   `json:"decision,omitempty"` // ID of the decision that escalated
	BatchID    string   `json:"batch_id,omitempty"`
	Cause      string   `json:"cause"`
	Severity   string   `json:"severity"`
	Title      string   `json:"title"`
	Summary    string   `json:"summary"`
	Hold       bool     `json:"hold"`
	Paused     bool     `json:"paused,omitempty"` // the schedule was paused with it
	Joined     bool     `json:"joined,omitempty"` // an open incident of the same cause took it in
	RemindS    int64    `json:"remind_s"`
	TimeLimitS int64    `json:"time_limit_s"`
	Actions    []string `json:"actions,omitempty"`
}

// The resolutions of an incident.
const (
	Release = "release" // load as is
	Replay  = "replay"  // process again with the current schema and rules, or with a mapping
	Discard = "discard" // stay in quarantine for good
	Close   = "close"   // nothing to do about the data
	Expired = "expired" // nobody answered: stay quarantined
)

// Answer is a person's decision on an incident: the payload of signal and
// update "decide".
type Answer struct {
	Resolution string   `json:"resolution"`
	By         string   `json:"by"`
	Comment    string   `json:"comment,omitempty"`
	Mapping    *Mapping `json:"mapping,omitempty"` // replay only
}

// Mapping mends raw records before they are processed again.
type Mapping struct {
	Rename  map[string]string          `json:"rename,omitempty"`  // field in the data → field of the schema
	Cast    map[string]string          `json:"cast,omitempty"`    // field → string, long, double or boolean
	Default map[string]json.RawMessage `json:"default,omitempty"` // field → value where it is missing or null
	Add     []string                   `json:"add,omitempty"`     // new fields of the data that become nullable columns first
}

// Resolution is how an incident ended.
type Resolution struct {
	Incident   string    `json:"incident"`
	Decision   string    `json:"decision,omitempty"` // ID of the decision that escalated
	Resolution string    `json:"resolution"`
	By         string    `json:"by"`
	Comment    string    `json:"comment,omitempty"`
	At         time.Time `json:"at"`
	Records    Records   `json:"records"` // the batch's, afterwards
}

// SettleRequest moves a batch's quarantined records.
type SettleRequest struct {
	ID       string `json:"id"` // makes a repeat harmless
	Pipeline string `json:"pipeline"`
	BatchID  string `json:"batch_id"`
	Incident string `json:"incident,omitempty"` // the batches of all runs that joined it are settled too
	Answer   Answer `json:"answer"`
}

// Settled is what a settlement did.
type Settled struct {
	Records  Records  `json:"records"`            // the batch's, afterwards
	Moved    int64    `json:"moved"`              // rows that went into the table
	Kept     int64    `json:"kept"`               // records that stay in quarantine
	Problems []string `json:"problems,omitempty"` // what reading back found wrong
}
