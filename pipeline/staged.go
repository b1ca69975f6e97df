package pipeline

// FileKind says what a staged file holds.
type FileKind string

// The kinds of staged file. Suspect and malformed files share one layout (see
// Reject); clean files have the table's columns.
const (
	CleanFile     FileKind = "clean"
	SuspectFile   FileKind = "suspect"
	MalformedFile FileKind = "malformed"
)

// ColumnStat lets a second reader check a file against what its writer meant.
type ColumnStat struct {
	Name  string `json:"name"`
	Nulls int64  `json:"nulls"`
	// Min and Max are the canonical text of the smallest and largest value
	// (see schemas.Stat); empty if every value is null.
	Min string `json:"min"`
	Max string `json:"max"`
	// Sum is the wrapping sum of xxh3-64 over each non-null value's canonical
	// bytes: order-independent, so files merge by adding.
	Sum uint64 `json:"sum,string"`
}

// File is a reference to one Parquet file: Temporal carries this, not records.
type File struct {
	Kind      FileKind     `json:"kind"`
	Path      string       `json:"path"`                // location in staging, or in the sink once committed
	Partition string       `json:"partition,omitempty"` // Hive-style folder, "event_date=2026-11-23"; clean files only
	Rows      int64        `json:"rows"`
	Bytes     int64        `json:"bytes"`
	SHA256    string       `json:"sha256,omitempty"` // of the file's bytes
	Columns   []ColumnStat `json:"columns,omitempty"`
}

// SumRows is the number of rows in all files.
func SumRows(files []File) int64 {
	var n int64
	for _, f := range files {
		n += f.Rows
	}
	return n
}

// SumBytes is the size of all files.
func SumBytes(files []File) int64 {
	var n int64
	for _, f := range files {
		n += f.Bytes
	}
	return n
}

// Reason says why a record was kept out.
type Reason struct {
	// Code is an expectation type, a drift kind, or "malformed".
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Reject is a record kept out of the table, whole: its raw bytes and where in
// Kafka it stands, so that it can be found and replayed.
type Reject struct {
	Kind        FileKind `json:"kind"` // SuspectFile or MalformedFile
	Partition   int32    `json:"partition"`
	Offset      int64    `json:"offset"`
	TimestampMs int64    `json:"timestamp_ms"`
	Key         []byte   `json:"key,omitempty"`
	Raw         []byte   `json:"raw"`
	Reasons     []Reason `json:"reasons"`
	// Segments are the record's values in the segment columns, as far as they
	// could be decoded.
	Segments map[string]string `json:"segments,omitempty"`
}

// Columns that every table row carries beside the schema's fields.
const (
	ColPartition = "_partition" // int32: Kafka partition
	ColOffset    = "_offset"    // int64: Kafka offset
	ColTimestamp = "_timestamp" // timestamp[ms, UTC]: the Kafka record's time
	ColLate      = "_late"      // boolean
)

// Columns of a reject file, beside ColPartition, ColOffset and ColTimestamp.
const (
	ColKey     = "_key"      // binary
	ColRaw     = "_raw"      // binary: the record's value as it came
	ColKind    = "_kind"     // string: suspect or malformed
	ColReasons = "_reasons"  // string: JSON array of Reason
	ColSegs    = "_segments" // string: JSON object, or null
)
