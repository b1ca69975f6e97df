//go:build integration

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// seed is random, printed, and may be given again by CRASH_SEED.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if v := os.Getenv("CRASH_SEED"); v != "" {
		var err error
		n, err = strconv.ParseUint(v, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("CRASH_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// The worker is killed at a random moment of a run, 20 times over. Every time
// the run is let go on to its end, and every record is in exactly one place.
func TestTwentyKillsLoseNothingAndDoubleNothing(t *testing.T) {
	r := seed(t)
	s := start(t, "")
	s.produce(t, "malformed", 20_000)
	undisturbed := s.run()
	require.Equal(t, pipeline.Succeeded, undisturbed.Outcome)
	took := undisturbed.FinishedAt.Sub(undisturbed.StartedAt)

	var total int64 = 20_000
	for i := range 20 {
		s.produce(t, []string{"malformed", "type-drift", "bad-localized", "bad-major"}[i%4], 20_000)
		total += 20_000
		run := s.begin()
		wait := time.Duration(r.Int64N(int64(took) * 5 / 4))
		time.Sleep(wait) // the random moment is what is tested
		s.kill()
		s.startWorker()
		report := s.end(run)
		require.NotEqual(t, pipeline.Failed, report.Outcome, "kill %d after %s: %+v", i, wait, report.Failure)
		require.True(t, report.Records.Conserved())
		account := s.verify()
		require.Equal(t, total, account.Table+account.Quarantine+account.Held, "kill %d after %s", i, wait)
		require.Equal(t, total, account.Topic)
	}
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

// Temporal's own server is killed in mid-run and started again on its file.
func TestAKilledTemporalServerLosesNoRun(t *testing.T) {
	s := start(t, "")
	s.produce(t, "healthy", 50_000)
	run := s.begin()
	require.NoError(t, s.temporal.Kill())
	require.NoError(t, s.temporal.Restart(t.Context()))
	report := s.end(run)
	require.Equal(t, pipeline.Succeeded, report.Outcome)
	require.Equal(t, int64(50_000), s.verify().Table)
}
