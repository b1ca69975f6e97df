package devstack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Spec is a child process to start.
type Spec struct {
	Name string // for messages: "worker"
	Path string // the program
	Args []string
	Dir  string   // working folder; empty is the parent's
	Env  []string // KEY=VALUE over the parent's environment
	Log  string   // file that stdout and stderr are appended to; its folder is made
}

// Process is a running child, with its children in one process group, which
// ends when the child does. Its methods are safe for concurrent use.
type Process struct {
	spec   Spec
	pid    int
	from   int64 // where this process's output starts in the log
	done   chan struct{}
	result error // how it ended; read only after done is closed
}

// StartProcess starts a child. It returns as soon as the program runs.
func StartProcess(spec Spec) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(spec.Log), 0o755); err != nil {
		return nil, fmt.Errorf("start %s: make the folder of its log: %w", spec.Name, err)
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: open its log: %w", spec.Name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	at, err := log.Stat()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = spec.Dir, log, log, childAttr()
	cmd.Env = append(os.Environ(), spec.Env...)
	p := &Process{spec: spec, from: at.Size(), done: make(chan struct{})}
	started := make(chan error)
	go p.run(cmd, started)
	if err := <-started; err != nil {
		return nil, pipeline.Faultf(pipeline.Misconfigured, "start %s: %w", spec.Name, err)
	}
	return p, nil
}

// run starts the child and waits for it on one locked thread: Linux sends the
// parent-death signal when the thread that forked ends, not the process.
func (p *Process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	p.result = cmd.Wait()
	// What the child has left in its group ends with it. ESRCH: nothing.
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	close(p.done)
}

// PID is the child's process ID, which is its group's too.
func (p *Process) PID() int { return p.pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the child's end. An exit code other than 0, or a signal, is
// an error that quotes the end of the log.
func (p *Process) Wait() error {
	<-p.done
	if p.result == nil {
		return nil
	}
	return fmt.Errorf("%s ended: %w; its log %s ends:\n%s", p.spec.Name, p.result, p.spec.Log, p.Tail(10))
}

// Stop asks the child to end (SIGTERM) and waits. One that hasn't ended after
// grace is killed, which is an error. One that had already ended gives its
// Wait error.
func (p *Process) Stop(grace time.Duration) error {
	if p.ended() {
		return p.Wait()
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", p.spec.Name, err)
	}
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-p.done:
		return nil // however it ended, it was asked to
	case <-limit.C:
		return errors.Join(fmt.Errorf("stop %s: still running %v after SIGTERM, so it was killed; see %s", p.spec.Name, grace, p.spec.Log), p.Kill())
	}
}

// Kill ends the child and its group at once (SIGKILL), and waits until it is
// gone. Killing one that has ended does nothing.
func (p *Process) Kill() error {
	if p.ended() {
		return nil
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", p.spec.Name, err)
	}
	<-p.done
	return nil
}

func (p *Process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal reaches the whole group. A group that has just gone is no error.
func (p *Process) signal(s syscall.Signal) error {
	if err := syscall.Kill(-p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// tailBytes bounds what Tail reads of a log.
const tailBytes = 16 << 10

// Tail gives the last lines that this process has logged, for messages.
func (p *Process) Tail(lines int) string {
	f, err := os.Open(p.spec.Log)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	from := max(p.from, info.Size()-tailBytes)
	buf := make([]byte, max(0, info.Size()-from))
	n, _ := f.ReadAt(buf, from) // what could be read is what can be shown
	all := strings.Split(strings.TrimRight(string(buf[:n]), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
