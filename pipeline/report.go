package pipeline

import "time"

// Outcome is how a run ended.
type Outcome string

// The outcomes of a run.
const (
	Succeeded     Outcome = "succeeded"  // loaded; nothing had to be changed
	Remediated    Outcome = "remediated" // loaded after a remap or a quarantine
	Held          Outcome = "held"       // staged and kept out until a person answers
	Idle          Outcome = "idle"       // nothing new
	SupersededRun Outcome = "superseded" // another run was first; nothing changed
	Failed        Outcome = "failed"
)

// Records counts what became of a batch's records.
// Read = Clean + Suspect + Malformed, and Read = Loaded + Quarantined + Held.
type Records struct {
	Read        int64 `json:"read"`
	Clean       int64 `json:"clean"`
	Suspect     int64 `json:"suspect"`
	Malformed   int64 `json:"malformed"`
	Loaded      int64 `json:"loaded"`
	Quarantined int64 `json:"quarantined"`
	Held        int64 `json:"held"`
}

// Conserved reports whether every record read is in exactly one place.
func (r Records) Conserved() bool {
	return r.Read == r.Loaded+r.Quarantined+r.Held
}

// SourceReport says which offsets the run covered.
type SourceReport struct {
	Topic  string  `json:"topic"`
	Ranges []Range `json:"ranges"`
	Lag    int64   `json:"lag"`            // records left behind the batch's end
	Gaps   []Range `json:"gaps,omitempty"` // offsets that vanished before they were read
}

// Late counts records whose Kafka timestamp is more than the allowed lateness
// after their event time.
type Late struct {
	Count            int64   `json:"count"`
	Share            float64 `json:"share"` // of records read, 0 to 1
	AllowedLatenessS int64   `json:"allowed_lateness_s"`
	MaxLatenessS     int64   `json:"max_lateness_s"`
}

// DriftKind names a way in which data left its schema.
type DriftKind string

// The drift kinds. Only FieldAdded is additive.
const (
	FieldAdded     DriftKind = "field_added"
	FieldMissing   DriftKind = "field_missing"
	TypeChanged    DriftKind = "type_changed"
	NullInRequired DriftKind = "null_in_required"
)

// Drift is one field's departure from the schema within a batch.
type Drift struct {
	Kind     DriftKind `json:"kind"`
	Field    string    `json:"field"`
	Expected string    `json:"expected"`
	Observed string    `json:"observed"`
	Count    int64     `json:"count"`
	Share    float64   `json:"share"` // of records read, 0 to 1
	Breaking bool      `json:"breaking"`
}

// Segment is one value of a segment column with its failing records.
type Segment struct {
	Column  string  `json:"column"`
	Value   string  `json:"value"`
	Records int64   `json:"records"`
	Failed  int64   `json:"failed"`
	Share   float64 `json:"share"` // failed of records, 0 to 1
}

// Quality sums up the quality results. Failed counts records, not findings.
type Quality struct {
	Failed   int64     `json:"failed"`
	Share    float64   `json:"share"` // of records read, 0 to 1
	Segments []Segment `json:"segments,omitempty"`
	Results  string    `json:"results,omitempty"` // file name of the results document
}

// Failure says which stage failed after its retries, and why.
type Failure struct {
	Stage string `json:"stage"`
	Kind  Kind   `json:"kind"`
	Error string `json:"error"`
}

// Stage is one timed step of a run.
type Stage struct {
	Name      string    `json:"name"`
	StartedAt time.Time `json:"started_at"`
	Ms        int64     `json:"ms"`
	Records   int64     `json:"records,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`
}

// RunReport is the document that a run leaves in run_report.json. The fields
// are a contract: the command line reads them from any producer.
type RunReport struct {
	Pipeline            string       `json:"pipeline"`
	RunID               string       `json:"run_id"`
	BatchID             string       `json:"batch_id"`
	StartedAt           time.Time    `json:"started_at"`
	FinishedAt          time.Time    `json:"finished_at"`
	Outcome             Outcome      `json:"outcome"`
	Source              SourceReport `json:"source"`
	Records             Records      `json:"records"`
	Late                Late         `json:"late"`
	Drift               []Drift      `json:"drift"`
	Quality             Quality      `json:"quality"`
	Failure             *Failure     `json:"failure,omitempty"`
	ConsecutiveFailures int          `json:"consecutive_failures"`
	SchemaVersion       int          `json:"schema_version,omitempty"`
	Trigger             string       `json:"trigger,omitempty"`
	WorkflowID          string       `json:"workflow_id,omitempty"`
	Incident            string       `json:"incident,omitempty"`
	Conditions          []string     `json:"conditions,omitempty"`
	Actions             []string     `json:"actions,omitempty"`
	Stages              []Stage      `json:"stages"`
}
