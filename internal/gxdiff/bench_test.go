//go:build integration

package gxdiff

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/check"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
	"github.com/autonomous-data-pipeline/adp/internal/pyenv"
)

// taken is what one check took.
type taken struct {
	Read     float64 `json:"read_s"` // CPU seconds
	Validate float64 `json:"validate_s"`
	PeakKiB  int64   `json:"peak_kib"`
	Counts   []any   `json:"counts"`
}

// TestBench prints what Great Expectations and this project take for the same
// suite over the same file, one after the other in each round. BENCH_DQ_ROWS is
// how many rows; without it the test is left out.
func TestBench(t *testing.T) {
	if os.Getenv("BENCH_DQ_ROWS") == "" {
		t.Skip("a benchmark: make bench-dq runs it")
	}
	if os.Getenv("BENCH_DQ_CHILD") != "" {
		child(t)
		return
	}
	python := pyenv.Interpreter(t, "gx", Requirements)
	file := filepath.Join(t.TempDir(), "customers.parquet")
	run(t, exec.Command(python, "bench.py", "make", file, os.Getenv("BENCH_DQ_ROWS")))
	var theirs, ours []taken
	for round := range 5 {
		g := result(t, exec.Command(python, "bench.py", "check", file, "bench_suite.json"))
		cmd := exec.Command(os.Args[0], "-test.run=^TestBench$", "-test.v")
		cmd.Env = append(os.Environ(), "BENCH_DQ_CHILD="+file)
		o := result(t, cmd)
		require.Equal(t, fmt.Sprint(g.Counts), fmt.Sprint(o.Counts), "both must find the same")
		t.Logf("round %d: Great Expectations read %.2f s, validated %.2f s, %d MiB; here %.2f s, %.2f s, %d MiB: validating %.1f times less CPU, all of it %.1f times, memory %.1f times less",
			round+1, g.Read, g.Validate, g.PeakKiB>>10, o.Read, o.Validate, o.PeakKiB>>10,
			g.Validate/o.Validate, (g.Read+g.Validate)/(o.Read+o.Validate), float64(g.PeakKiB)/float64(o.PeakKiB))
		theirs, ours = append(theirs, g), append(ours, o)
	}
	t.Logf("median: validating %.1f times less CPU, with reading %.1f times, memory %.1f times less",
		median(theirs, ours, func(x taken) float64 { return x.Validate }),
		median(theirs, ours, func(x taken) float64 { return x.Read + x.Validate }),
		median(theirs, ours, func(x taken) float64 { return float64(x.PeakKiB) }))
}

func median(a, b []taken, of func(taken) float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = of(a[i]) / of(b[i])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func run(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", out, stderr.String())
	return string(out)
}

// result reads the JSON in a program's output.
func result(t testing.TB, cmd *exec.Cmd) taken {
	t.Helper()
	var x taken
	for line := range strings.Lines(run(t, cmd)) {
		if strings.HasPrefix(line, "{") {
			require.NoError(t, json.Unmarshal([]byte(line), &x))
			return x
		}
	}
	t.Fatal("the program printed no result")
	return x
}

// child checks the file in a process of its own. What reading takes is measured
// by reading the same columns once more, first.
func child(t *testing.T) {
	ctx := context.Background()
	b, err := os.ReadFile("bench_suite.json")
	require.NoError(t, err)
	suite, err := dq.ParseSuiteJSON(b)
	require.NoError(t, err)
	table, err := tabular.Open([]string{os.Getenv("BENCH_DQ_CHILD")})
	require.NoError(t, err)
	prog, err := dq.Compile(suite, table.Schema())
	require.NoError(t, err)
	begin := cpu(t)
	require.NoError(t, table.Read(ctx, prog.Columns(), func(dq.Chunk) error { return nil }))
	read := cpu(t)
	doc, err := check.Evaluate(ctx, prog, table, check.Options{Dir: t.TempDir(), Memory: 256 << 20, RunTime: time.Now()})
	require.NoError(t, err)
	done := cpu(t)
	x := taken{Read: (read - begin).Seconds(), Validate: (done - read - (read - begin)).Seconds()}
	for _, r := range doc.Results {
		x.Counts = append(x.Counts, r.Result.Get("unexpected_count"))
	}
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	x.PeakKiB = u.Maxrss
	out, err := json.Marshal(x)
	require.NoError(t, err)
	fmt.Println(string(out))
}

func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
