package sinktest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Spec says what Stage stages.
type Spec struct {
	RunID  string
	Base   pipeline.Checkpoint
	Ranges []pipeline.Range
	Schema *schemas.Schema // nil is Schema()
	Held   bool
	Clean  bool // no suspect and no malformed record
}

// Days are the Hive partitions over which staged rows spread.
var Days = []string{"event_date=2026-11-22", "event_date=2026-11-23"}

// Stage writes a batch's staged files below dir, the way the engine does, and
// returns the load that commits them. Of each ten offsets, one is a suspect
// and one a malformed record. The same spec gives the same bytes.
func Stage(t testing.TB, dir string, spec Spec) sink.Load {
	t.Helper()
	if spec.Schema == nil {
		spec.Schema = Schema()
	}
	l := sink.Load{
		RunID: spec.RunID, Batch: pipeline.NewBatch("customers", "customers", spec.Ranges), Base: spec.Base,
		Schema: spec.Schema, SchemaVersion: len(spec.Schema.Fields), Held: spec.Held,
	}
	dir = filepath.Join(dir, l.Batch.ID+"-"+spec.Schema.Fingerprint())
	for i, r := range l.Batch.Ranges {
		rows, rejects := split(r, spec.Clean)
		for _, day := range Days {
			if len(rows[day]) > 0 {
				path := filepath.Join(dir, fmt.Sprintf("%d-%s.parquet", i, day))
				l.Table = append(l.Table, WriteClean(t, path, spec.Schema, day, rows[day]))
			}
		}
		if len(rejects) > 0 {
			l.Quarantine = append(l.Quarantine, WriteRejects(t, filepath.Join(dir, fmt.Sprintf("%d-rejects.parquet", i)), rejects))
		}
	}
	clean, out := pipeline.SumRows(l.Table), pipeline.SumRows(l.Quarantine)
	l.Records = pipeline.Records{Read: clean + out, Clean: clean, Suspect: out, Loaded: clean, Quarantined: out}
	if spec.Held {
		l.Records.Loaded, l.Records.Held = 0, clean
	}
	return l
}

func split(r pipeline.Range, clean bool) (map[string][]Place, []pipeline.Reject) {
	rows := map[string][]Place{}
	var rejects []pipeline.Reject
	for off := r.Start; off < r.End; off++ {
		switch at := (Place{r.Partition, off}); {
		case off%10 == 3 && !clean:
			rejects = append(rejects, RejectAt(pipeline.SuspectFile, at))
		case off%10 == 7 && !clean:
			rejects = append(rejects, RejectAt(pipeline.MalformedFile, at))
		default:
			day := Days[off%2]
			rows[day] = append(rows[day], at)
		}
	}
	return rows, rejects
}

// reference describes a file that was just written.
func reference(t testing.TB, f pipeline.File) pipeline.File {
	t.Helper()
	data, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(data)
	f.Bytes, f.SHA256 = int64(len(data)), hex.EncodeToString(h[:])
	return f
}
