//go:build integration

package iceberg

import (
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/pyenv"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

const readerRequirements = "pyiceberg[sql-sqlite,pyarrow]==0.12.0 pyarrow==26.0.1 duckdb==2.0.0 pytz==2026.6 SQLAlchemy==2.1.9"

// read takes a table's name and a catalog's properties.
const read = `
import json, sys, duckdb
from pyiceberg.catalog import load_catalog
t = load_catalog("adp", **json.loads(sys.argv[2])).load_table(sys.argv[1])
rows = t.scan().to_arrow()
files = [f.removeprefix("file://") for f in t.inspect.files()["file_path"].to_pylist()]
duck = duckdb.execute("select count(*), count(distinct _offset), count(loyalty_tier), sum(id % 1000)::bigint from read_parquet(?, union_by_name=true)", [files]).fetchone()
arrow = duckdb.execute("select count(*), count(distinct _offset), count(loyalty_tier), sum(id % 1000)::bigint from rows").fetchone()
day = t.scan(row_filter="event_time >= '2026-11-18T00:00:00+00:00' and event_time < '2026-11-19T00:00:00+00:00'").to_arrow().num_rows
print(json.dumps({"pyiceberg": arrow, "duckdb": duck, "day": day, "types": {f.name: str(f.type) for f in rows.schema}, "first": str(rows["_timestamp"][0]),
  "checkpoints": [s.summary.additional_properties.get("adp.checkpoint") for s in t.snapshots()]}))
`

// pyiceberg reads the table by its catalog, across a schema change and after a
// compaction; DuckDB reads the files that the snapshot names.
func TestOtherToolsReadTheTable(t *testing.T) {
	cfg := testConfig(t)
	readElsewhere(t, cfg, map[string]string{"type": "sql", "uri": "sqlite:///" + cfg.catalogFile()})
}

func readElsewhere(t *testing.T, cfg Config, catalog map[string]string) {
	t.Helper()
	interpreter := pyenv.Interpreter(t, "iceberg-readers", readerRequirements)
	s := open(t, cfg)
	var records int64
	for i := range int64(4) {
		spec := sinktest.Spec{RunID: "run", Ranges: []pipeline.Range{{Start: i * 100, End: i*100 + 100}}}
		if i > 0 {
			spec.Base = pipeline.Checkpoint{0: i * 100}
		}
		if i > 1 {
			spec.Schema = sinktest.Evolved()
		}
		l := sinktest.Stage(t, t.TempDir(), spec)
		_, err := s.Load(t.Context(), l)
		require.NoError(t, err)
		records += l.Records.Loaded
	}
	var report sink.MaintainReport
	require.NoError(t, s.compactBefore(t.Context(), time.Now(), everything, &report))
	require.Positive(t, report.CompactedFiles)
	properties, err := json.Marshal(catalog)
	require.NoError(t, err)
	out, err := exec.Command(interpreter, "-c", read, "default."+cfg.Table, string(properties)).CombinedOutput()
	require.NoError(t, err, string(out))
	var got struct {
		PyIceberg, DuckDB []int64
		Day               int64
		Types             map[string]string
		First             string
		Checkpoints       []*string
	}
	require.NoError(t, json.Unmarshal(out, &got), string(out))
	require.Equal(t, got.PyIceberg, got.DuckDB)
	require.Equal(t, []int64{records, records}, got.PyIceberg[:2])
	require.Equal(t, records, got.Day, "all events are of this day")
	require.Positive(t, got.PyIceberg[2], "the column that came later has values")
	require.Equal(t, "timestamp[us, tz=UTC]", got.Types["event_time"])
	require.Equal(t, "timestamp[us, tz=UTC]", got.Types["_timestamp"])
	require.Contains(t, got.First, "2026-11-18 1")
	require.Len(t, got.Checkpoints, 5)
	require.Equal(t, "0:400", *got.Checkpoints[3])
}
