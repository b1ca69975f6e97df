package parquet

import "github.com/autonomous-data-pipeline/adp/pipeline"

// bugf is a caller's mistake: nothing was changed.
func bugf(format string, args ...any) error {
	return pipeline.Faultf(pipeline.Bug, format, args...)
}
