// Package batch is the engine: one pass over a shard's records decodes them,
// finds drift and lateness, evaluates row rules, and stages clean, suspect and
// malformed records apart, with a profile that merges. It decides nothing.
package batch

import (
	"context"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Rules are the parts of a pipeline's declaration that the pass needs.
type Rules struct {
	Format          string        // "json"
	EventTime       string        // timestamp column; empty turns lateness and partitioning off
	AllowedLateness time.Duration // late is more than this after EventTime
	Suite           dq.Suite
	Segments        []string // columns by whose values failures are counted
}

// Job is one shard's work. The same job gives the same bytes.
type Job struct {
	Batch         pipeline.Batch
	Shard         pipeline.Shard
	Schema        *schemas.Schema
	SchemaVersion int
	Rules         Rules
	Dir           string // the shard's own folder in staging; made if missing, its files overwritten
}

// Result refers to what a shard staged. It is small: Temporal carries it.
type Result struct {
	Shard   int              `json:"shard"`
	Profile string           `json:"profile"` // path of the shard's profile.json, written last
	Files   []pipeline.File  `json:"files"`
	Records pipeline.Records `json:"records"` // Read, Clean, Suspect, Malformed
	Bytes   int64            `json:"bytes"`   // record values read
}

// Progress is what a long pass reports: the next offset to read by partition.
type Progress struct {
	Records int64               `json:"records"`
	Next    pipeline.Checkpoint `json:"next"`
}

// Engine processes shards. Implementations are safe for concurrent use.
type Engine interface {
	// Process stages one shard. beat is called at least every few thousand
	// records; its error ends the pass.
	Process(ctx context.Context, src source.Reader, job Job, beat func(Progress) error) (Result, error)
}
