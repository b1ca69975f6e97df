package activities

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// victimDir tells a second process of this test what to remove from.
const victimDir = "ADP_TEST_REMOVE_FROM"

const (
	folders     = 200
	filesEach   = 20
	bytesOfFile = 10
	killsAtMost = 10
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		var c pipeline.Cleaned
		s := &Set{Now: func() time.Time { return time.Now().Add(time.Hour) }}
		if err := s.removeOld(context.Background(), &c, dir, time.Minute, func(name string) bool { return name == "needed" }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func fill(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "v1"), 0o750))
	for i := range filesEach {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "v1", fmt.Sprint(i)), make([]byte, bytesOfFile), 0o600))
	}
}

// A process that is killed in the middle of the removal, again and again, never
// leaves a folder under its own name that isn't whole, and the last one is done.
func TestRemovalMayBeKilledAnywhere(t *testing.T) {
	dir := t.TempDir()
	fill(t, filepath.Join(dir, "needed"))
	for i := range folders {
		fill(t, filepath.Join(dir, fmt.Sprintf("run-%03d", i)))
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments to kill at need no secrecy
	kills := 0
	for done := false; !done; {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victimDir+"="+dir)
		if kills < killsAtMost {
			var left int
			done, left = killAfter(t, cmd, dir, dice.IntN(folders/killsAtMost/2))
			if left > 0 {
				kills++
			}
		} else {
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			done = true
		}
		whole(t, dir)
	}
	require.GreaterOrEqual(t, kills, killsAtMost/2)
	names, err := subfolders(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"needed"}, names)
}

// killAfter kills the process once it has removed so many folders. It tells
// whether the process was done before, and how many folders it left.
func killAfter(t *testing.T, cmd *exec.Cmd, dir string, removed int) (done bool, left int) {
	t.Helper()
	before, err := subfolders(dir)
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }() // for a test that fails below
	for {
		select {
		case err := <-ended:
			require.NoError(t, err)
			return true, 0
		default:
		}
		now, err := subfolders(dir)
		require.NoError(t, err)
		if len(now) < len(before)-removed || (removed == 0 && half(now)) {
			require.NoError(t, cmd.Process.Kill())
			if err := <-ended; err == nil {
				return true, 0
			}
			return false, len(now)
		}
	}
}

// half tells whether some folder is being removed.
func half(names []string) bool {
	for _, n := range names {
		if strings.HasPrefix(n, removing) {
			return true
		}
	}
	return false
}

// whole checks every folder that has its own name.
func whole(t *testing.T, dir string) {
	t.Helper()
	names, err := subfolders(dir)
	require.NoError(t, err)
	for _, n := range names {
		if strings.HasPrefix(n, removing) {
			continue
		}
		f, err := survey(t.Context(), filepath.Join(dir, n))
		require.NoError(t, err)
		require.Equal(t, int64(filesEach*bytesOfFile), f.bytes, n)
	}
}

func TestAFolderThatItsRunHasJustClearedIsNoError(t *testing.T) {
	require.NoError(t, remove(t.TempDir(), "gone"))
	names, err := subfolders(filepath.Join(t.TempDir(), "never", "made"))
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestTheLongestSilenceFollowsTheLimits(t *testing.T) {
	tests := map[string]struct {
		limits pipeline.Limits
		want   time.Duration
	}{
		"the defaults":                           {pipeline.Limits{Attempts: 8, ShardTimeoutS: 1800}, 8 * 3 * 31 * time.Minute},
		"a settlement takes hours, whatever":     {pipeline.Limits{Attempts: 1, ShardTimeoutS: 1}, 6 * time.Hour},
		"no number of attempts makes it endless": {pipeline.Limits{Attempts: 1 << 30, ShardTimeoutS: 1 << 30}, 30 * 24 * time.Hour},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, longestSilence(tc.limits))
		})
	}
}
