//go:build integration

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// number reads a variable of the environment.
func number(t *testing.T, key string, fallback uint64) uint64 {
	t.Helper()
	v := os.Getenv(key)
	if v == "" {
		return fallback
	}
	n, err := strconv.ParseUint(v, 10, 64)
	require.NoError(t, err, key)
	return n
}

// The defaults make the short suite: what CI runs.
const (
	shortFaults = 25
	lanesAtOnce = 4
)

// Everything is struck, again and again; each time the pipeline is let run to
// its end, and two counts find every record in exactly one place, unaltered.
//
// CRASH_SEED repeats a suite, CRASH_FAULTS says how many faults (0: all that
// there are), CRASH_ONLY strikes only that one, CRASH_TARGET names tables,
// CRASH_REPORT a Markdown file that is to show the result.
func TestCrashSuite(t *testing.T) {
	seed := number(t, "CRASH_SEED", rand.Uint64())
	t.Logf("CRASH_SEED=%d", seed)
	for _, name := range chosen(t) {
		t.Run(name, func(t *testing.T) {
			result := newTable(name, seed)
			strikeAll(t, name, seed, result)
			t.Logf("%s\n\n%s", name, result)
			if path := os.Getenv("CRASH_REPORT"); path != "" && !t.Failed() {
				require.NoError(t, result.publish(path))
			}
		})
	}
}

// strikeAll shares a target's faults out between lanes.
func strikeAll(t *testing.T, name string, seed uint64, result *table) {
	tg, lanes := targets[name], make([]*lane, number(t, "CRASH_LANES", lanesAtOnce))
	if tg.lanes > 0 {
		lanes = lanes[:min(len(lanes), tg.lanes)]
	}
	for i := range lanes {
		lanes[i] = startLane(t, tg, i+1)
	}
	seen := lanes[0].discover()
	for _, l := range lanes {
		l.took = lanes[0].took
	}
	faults := some(drawn(lanes[0], seen, rand.New(rand.NewPCG(seed, 0))), int(number(t, "CRASH_FAULTS", shortFaults)))
	only := int(number(t, "CRASH_ONLY", 0))
	t.Logf("%d points, %d faults", len(seen.points()), len(faults))
	var mu sync.Mutex
	next := 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		for next++; only > 0 && next != only && next <= len(faults); {
			next++
		}
		return next
	}
	var all sync.WaitGroup
	for _, l := range lanes {
		// Side by side however many CPUs there are: most of a recovery is waiting
		// for time limits.
		all.Go(func() {
			t.Run(fmt.Sprint("lane ", l.seed>>32), func(t *testing.T) {
				l.t = t
				for n := take(); n <= len(faults); n = take() {
					l.suffer(n, faults[n-1], rand.New(rand.NewPCG(seed, uint64(n))), result)
				}
			})
		})
	}
	all.Wait()
}

// suffer strikes once, and counts.
func (l *lane) suffer(n int, f fault, r *rand.Rand, result *table) {
	l.t.Helper()
	began := time.Now()
	l.t.Logf("fault %d: %s", n, f)
	job := f.scenario.begin(l, func() {
		if f.arm != nil {
			f.arm(l)
		}
	})
	f.strike(l, r, job)
	l.await(job, nil)
	l.drain()
	got := l.count()
	out, code := l.starter("audit", "verify", "customers")
	require.Zero(l.t, code, out)
	result.add(f.kind, got, time.Since(began))
	l.t.Logf("fault %d: healed in %v; %d records: %d in the table, %d in quarantine, %d held", n,
		time.Since(began).Round(time.Millisecond), got.Topic, got.Table, got.Quarantine, got.Held)
}

// Two runs over the same batch: one gets it in, the other changes nothing.
func TestOfTwoRunsAtOnceOneIsSuperseded(t *testing.T) {
	s := start(t, "")
	superseded := 0
	for round := range 5 {
		s.produce(t, "healthy", 20_000)
		runs := []client.WorkflowRun{s.begin(), s.begin()}
		outcomes := make([]pipeline.Outcome, len(runs))
		for i, run := range runs {
			outcomes[i] = s.end(run).Outcome
		}
		require.Contains(t, outcomes, pipeline.Succeeded, fmt.Sprint(outcomes))
		for _, o := range outcomes {
			if o == pipeline.SupersededRun {
				superseded++
			}
		}
		account := s.verify()
		require.Equal(t, int64(round+1)*20_000, account.Table)
	}
	require.Positive(t, superseded, "no two runs ever met: the test shows nothing")
}
