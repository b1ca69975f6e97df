package sink

import (
	"context"
	"time"
)

// Maintainer is a sink whose tables want upkeep: old snapshots, small files.
type Maintainer interface {
	// Maintain does what the options ask for. It may run beside loads, and be
	// repeated: a race that it loses changes nothing, and is reported.
	Maintain(ctx context.Context, o MaintainOptions) (MaintainReport, error)
}

// MaintainOptions say how much to keep. Zero values leave a step out.
type MaintainOptions struct {
	ExpireAfter       time.Duration // snapshots older than this go …
	KeepSnapshots     int           // … but for so many of the newest; at least 1
	OrphanAge         time.Duration // files that no snapshot knows go at this age; longer than a load takes
	CompactBelowBytes int64         // data files below this size are put together …
	TargetBytes       int64         // … into files of about this size
}

// MaintainReport is what was done.
type MaintainReport struct {
	ExpiredSnapshots int   `json:"expired_snapshots"`
	OrphanFiles      int   `json:"orphan_files"`
	OrphanBytes      int64 `json:"orphan_bytes"`
	CompactedFiles   int   `json:"compacted_files"` // read
	CompactedInto    int   `json:"compacted_into"`  // written
	LostRaces        int   `json:"lost_races"`      // steps that a load came before; the next time does them
}
