//go:build integration

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/devstack"
)

// readers are what reads the table beside this project, pinned.
var readers = []string{"duckdb==1.5.4", "pyarrow==24.0.0", "pandas==3.0.1"}

// python gives an interpreter with the readers, made once in the cache folder.
func python(t *testing.T) string {
	t.Helper()
	return interpreter(t, "readers", "duckdb, pyarrow, pandas", readers)
}

// interpreter makes a Python environment of this name, unless there is one from
// which these modules can be imported.
func interpreter(t *testing.T, name, imports string, packages []string) string {
	t.Helper()
	missing := func(why string) {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	base, err := exec.LookPath("python3")
	if err != nil {
		missing("python3 is missing: the readers need it")
	}
	cache, err := devstack.DefaultBinDir()
	require.NoError(t, err)
	venv := filepath.Join(filepath.Dir(cache), name)
	program := filepath.Join(venv, "bin", "python")
	if exec.Command(program, "-c", "import "+imports).Run() == nil {
		return program
	}
	if out, err := exec.Command(base, "-m", "venv", venv).CombinedOutput(); err != nil {
		missing("a Python environment can't be made: " + string(out))
	}
	args := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, packages...)
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		missing("the readers can't be installed: " + string(out))
	}
	return program
}

const readTable = `
import sys, json, duckdb, pandas, pyarrow.dataset as ds
table, quarantine = sys.argv[1], sys.argv[2]
q = "select count(*), count(distinct id), count(distinct (_partition, _offset)), sum(_late::int), min(event_date)::text from read_parquet(?, hive_partitioning=true, union_by_name=true)"
rows, ids, places, late, day = duckdb.execute(q, [table + "/**/*.parquet"]).fetchone()
arrow = ds.dataset(table, format="parquet", partitioning="hive").to_table()
frame = pandas.read_parquet(table)
kept = duckdb.execute("select count(*), count(_raw), min(_reasons) from read_parquet(?)", [quarantine + "/**/*.parquet"]).fetchone()
print(json.dumps({"duckdb": rows, "ids": ids, "places": places, "late": int(late), "day": day,
  "arrow": arrow.num_rows, "pandas": len(frame), "spend": float(frame["monthly_spend"].sum()), "types": {f.name: str(f.type) for f in arrow.schema},
  "quarantine": kept[0], "raw": kept[1], "reason": kept[2]}))
`

// pandas, DuckDB and Arrow read the folders as they are.
func TestOtherToolsReadTheTable(t *testing.T) {
	program := python(t)
	s := start(t, "")
	s.produce(t, "late-minor", 10_000)
	require.Equal(t, int64(10_000), s.run().Records.Loaded)
	s.produce(t, "malformed", 10_000)
	require.Equal(t, int64(9_900), s.run().Records.Loaded)
	cmd := exec.Command(program, "-c", readTable,
		filepath.Join(s.dir, "data", "out", "parquet", "customers"), filepath.Join(s.dir, "data", "quarantine", "customers"))
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		t.Fatal(string(exit.Stderr))
	}
	var got struct {
		DuckDB, IDs, Places, Late, Arrow, Pandas, Quarantine, Raw int64
		Day, Reason                                               string
		Spend                                                     float64
		Types                                                     map[string]string
	}
	require.NoError(t, json.Unmarshal(out, &got), string(out))
	require.Equal(t, int64(19_900), got.DuckDB)
	require.Equal(t, int64(19_900), got.Arrow)
	require.Equal(t, int64(19_900), got.Pandas)
	require.Equal(t, int64(19_900), got.Places)
	require.Equal(t, int64(800), got.Late)
	require.Equal(t, int64(100), got.Quarantine)
	require.Equal(t, int64(100), got.Raw)
	require.Contains(t, got.Reason, "malformed")
	require.Positive(t, got.Spend)
	require.Equal(t, "timestamp[us, tz=UTC]", got.Types["event_time"])
	require.Equal(t, "int64", got.Types["age"])
}
