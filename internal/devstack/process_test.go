package devstack

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// limit is far above what anything here takes.
const limit = 20 * time.Second

// holder is a child that keeps a FIFO open as long as it lives.
func holder(fifo, log string) Spec {
	return Spec{Name: "holder", Path: "/bin/sh", Args: []string{"-c", `exec 3>"$0"; echo up >&3; exec sleep 600`, fifo}, Log: log}
}

// held opens a FIFO that a child holds, and gives a channel that is closed when
// nobody holds it any more.
func held(t *testing.T, fifo string) <-chan struct{} {
	t.Helper()
	f, err := os.Open(fifo) // blocks until the child has opened it
	require.NoError(t, err)
	up := make([]byte, 3)
	_, err = io.ReadFull(f, up)
	require.NoError(t, err)
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, f) // ends when the last holder ends
		_ = f.Close()
		close(gone)
	}()
	return gone
}

func within(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		t.Fatalf("%s: not within %v", what, limit)
	}
}

func fifo(t *testing.T) (path, log string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path, filepath.Join(dir, "logs", "child.log")
}

func start(t *testing.T, script string, env ...string) *Process {
	t.Helper()
	p, err := StartProcess(Spec{
		Name: "script", Path: "/bin/sh", Args: []string{"-c", script}, Env: env, Log: filepath.Join(t.TempDir(), "script.log"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Kill()) })
	return p
}

func TestOutputGoesToTheLogAndTheEnvironmentToTheChild(t *testing.T) {
	p := start(t, `echo "out $SHADE"; echo err >&2`, "SHADE=blue")
	require.NoError(t, p.Wait())
	require.Equal(t, "out blue\nerr", p.Tail(10))
	require.Equal(t, "err", p.Tail(1))
}

func TestTheTailIsOfThisProcessNotOfTheOneBefore(t *testing.T) {
	log := filepath.Join(t.TempDir(), "l.log")
	for _, word := range []string{"first", "second"} {
		p, err := StartProcess(Spec{Name: word, Path: "/bin/echo", Args: []string{word}, Log: log})
		require.NoError(t, err)
		require.NoError(t, p.Wait())
		require.Equal(t, word, p.Tail(10))
	}
}

func TestAnEndOtherThanZeroQuotesTheLog(t *testing.T) {
	p := start(t, "echo the disk is full; exit 3")
	err := p.Wait()
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "the disk is full")
	require.ErrorContains(t, p.Stop(limit), "exit status 3", "a crash before Stop isn't hidden by it")
	require.NoError(t, p.Kill(), "killing one that has ended does nothing")
}

func TestAProgramThatDoesNotExistDoesNotStart(t *testing.T) {
	_, err := StartProcess(Spec{Name: "worker", Path: "/does/not/exist", Log: filepath.Join(t.TempDir(), "l")})
	require.ErrorContains(t, err, "start worker")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestStopLetsTheChildFinish(t *testing.T) {
	path, log := fifo(t)
	p, err := StartProcess(Spec{Name: "polite", Path: "/bin/sh", Log: log, Args: []string{
		"-c", `trap 'echo finished; exit 0' TERM; exec 3>"$0"; echo up >&3; while :; do sleep 600 & wait $!; done`, path,
	}})
	require.NoError(t, err)
	gone := held(t, path)
	require.NoError(t, p.Stop(limit))
	require.Equal(t, "finished", p.Tail(1))
	within(t, gone, "the children of the child end too")
}

func TestAChildThatIgnoresSIGTERMIsKilledAndThatIsAnError(t *testing.T) {
	path, log := fifo(t)
	p, err := StartProcess(Spec{Name: "stubborn", Path: "/bin/sh", Log: log, Args: []string{
		"-c", `trap '' TERM; exec 3>"$0"; echo up >&3; exec sleep 600`, path,
	}})
	require.NoError(t, err)
	gone := held(t, path)
	require.ErrorContains(t, p.Stop(50*time.Millisecond), "stop stubborn: still running 50ms after SIGTERM")
	within(t, gone, "the stubborn child is gone")
	within(t, p.Done(), "Done")
}

func TestKillEndsTheWholeGroup(t *testing.T) {
	path, log := fifo(t)
	p, err := StartProcess(Spec{Name: "family", Path: "/bin/sh", Log: log, Args: []string{
		"-c", `sh -c 'exec 3>"$0"; echo up >&3; exec sleep 600' "$0" & wait`, path,
	}})
	require.NoError(t, err)
	gone := held(t, path)
	require.NoError(t, p.Kill())
	within(t, gone, "the grandchild is gone")
	require.ErrorContains(t, p.Wait(), "signal: killed")
}

func TestChildrenOfAChildThatEndsByItselfEndToo(t *testing.T) {
	path, log := fifo(t)
	require.NoError(t, syscall.Mkfifo(path+".go", 0o600)) // the child stays until this is opened
	p, err := StartProcess(Spec{Name: "leaver", Path: "/bin/sh", Log: log, Args: []string{
		"-c", `sh -c 'exec 3>"$0"; echo up >&3; exec sleep 600' "$0" & read go < "$0.go"`, path,
	}})
	require.NoError(t, err)
	gone := held(t, path)
	require.NoError(t, os.WriteFile(path+".go", []byte("go\n"), 0o600))
	require.NoError(t, p.Wait())
	within(t, gone, "the grandchild is gone")
}

func TestAChildDiesWithAParentThatIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a parent-death signal")
	}
	path, _ := fifo(t)
	self, err := os.Executable()
	require.NoError(t, err)
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), "DEVSTACK_TEST_PARENT_OF="+path)
	require.NoError(t, parent.Start())
	gone := held(t, path)
	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	within(t, gone, "the child of the killed parent is gone")
}
