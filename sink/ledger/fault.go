package ledger

import (
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Conflictf is ErrConflict with what moved on. Nothing was changed.
func Conflictf(format string, args ...any) error {
	return pipeline.Faultf(pipeline.Superseded, format+": %w", append(args, sink.ErrConflict)...)
}

// bugf is a caller's mistake: nothing was changed.
func bugf(format string, args ...any) error {
	return pipeline.Faultf(pipeline.Bug, format, args...)
}
