//go:build integration

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/internal/crashpoint"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const (
	attemptLimit = 2 * time.Second // silence after which an attempt counts as dead: ADP_CRASH_LIMIT
	maxDrain     = 12              // runs that the pipeline may need until nothing is left
)

// lane is a stack that is struck again and again: the worker can be told to
// die, the networks can be spoiled, and everything that dies comes back.
type lane struct {
	*stack
	orders  string // folder of internal/crashpoint
	data    string // the worker's; a small file system of its own, where that can be had
	small   bool   // it is one
	broker  broker
	kafka   *wire // nil: not behind a proxy
	storage *wire // nil: nothing to reach
	counter *counter
	fields  int // new fields so far
	seed    uint64
	took    map[string]time.Duration // by scenario, undisturbed
}

var crashBins sync.Map // tags → folder

// crashBin builds programs that can be struck, once for each set of tags.
func crashBin(t *testing.T, tags string) string {
	t.Helper()
	tags = strings.TrimSuffix("crashpoints,"+tags, ",")
	if dir, ok := crashBins.Load(tags); ok {
		return dir.(string)
	}
	dir := filepath.Join(bin, strings.ReplaceAll(tags, ",", "-"))
	out, err := exec.Command("go", "build", "-tags", tags, "-o", dir+"/", "../../worker", "../../starter").CombinedOutput()
	require.NoError(t, err, "%s", out)
	crashBins.Store(tags, dir)
	return dir
}

func startLane(t *testing.T, tg target, number int) *lane {
	t.Helper()
	interpreter := tg.python(t)
	s := &stack{t: t, dir: t.TempDir(), bin: crashBin(t, tg.tags)}
	l := &lane{
		stack: s, orders: filepath.Join(s.dir, "orders"), data: filepath.Join(s.dir, "data"),
		seed: uint64(number) << 32, took: map[string]time.Duration{},
	}
	for _, dir := range []string{l.orders, l.data} {
		require.NoError(t, os.Mkdir(dir, 0o755))
	}
	l.mount()
	l.startKafka(tg)
	c := tg.start(t)
	via := c.storage
	if via != "" {
		l.storage = newWire(t, via)
		via = l.storage.address()
	}
	s.declare(func(text string) string {
		return strings.NewReplacer("attempts: 8", "attempts: 5", "backoff: 500ms", "backoff: 200ms\n  heartbeat: 2s",
			"backoff: 2s", "backoff: 1s").Replace(text) + "\nmaintenance:\n  expire_after: 1s\n  keep_snapshots: 2\n"
	})
	port, ui := freePort(t), freePort(t)
	s.env = append(c.env(via, l.data),
		"DATA_DIR="+l.data, "KAFKA_BROKER="+s.brokers, fmt.Sprintf("TEMPORAL_PORT=%d", port), fmt.Sprintf("TEMPORAL_UI_PORT=%d", ui),
		"ADP_CRASH_DIR="+l.orders, "ADP_CRASH_LIMIT="+attemptLimit.String())
	s.startTemporal(port, ui)
	s.startWorker()
	l.counter = newCounter(t, interpreter, s.brokers, c.where(l.data))
	return l
}

func (l *lane) startKafka(tg target) {
	if tg.broker != nil {
		l.broker, l.brokers = tg.broker(l.t)
		return
	}
	port := freePort(l.t)
	l.kafka = newWire(l.t, fmt.Sprintf("127.0.0.1:%d", port))
	l.brokers = l.kafka.address()
	l.broker = startEmbedded(l.t, fakekafka.Config{Port: port, Dir: filepath.Join(l.dir, "kafka"), Advertise: l.brokers})
}

// mount puts the worker's data onto a file system of its own, so that it can be
// filled. That takes root.
func (l *lane) mount() {
	l.t.Helper()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", l.data).CombinedOutput()
	if err != nil {
		if os.Getenv("CI") == "true" {
			l.t.Fatalf("mount a small file system: %s", out)
		}
		l.t.Logf("no full disks in this suite: a small file system can't be mounted here (it takes root): %s", out)
		return
	}
	l.small = true
	l.t.Cleanup(func() {
		if l.worker != nil {
			_ = l.worker.Kill() // whoever uses it must be gone
		}
		if out, err := exec.Command("umount", l.data).CombinedOutput(); err != nil {
			l.t.Errorf("unmount: %s", out)
		}
	})
}

// order has the worker struck at a point.
func (l *lane) order(point string, nth int, signal syscall.Signal) {
	l.t.Helper()
	l.seed++
	require.NoError(l.t, crashpoint.Give(l.orders, crashpoint.Order{ID: fmt.Sprint(l.seed), Point: point, Nth: nth, Signal: signal}))
}

// struck waits until the worker has taken its order. The run must not end
// without passing the point.
func (l *lane) struck(job client.WorkflowRun, point string, down func() bool) {
	l.t.Helper()
	ended := make(chan struct{})
	ctx, cancel := context.WithTimeout(l.t.Context(), limit)
	defer cancel()
	go func() {
		_ = job.Get(ctx, nil) // how it ends is looked at later
		close(ended)
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var last <-chan time.Time
	for !down() {
		select {
		case <-tick.C:
		case <-ended:
			// What follows the run, such as an escalation's first message, may
			// still pass the point.
			ended, last = nil, time.After(10*time.Second)
		case <-last:
			l.t.Fatalf("point %q was never passed", point)
		}
	}
}

func (l *lane) dead() bool {
	select {
	case <-l.worker.Done():
		return true
	default:
		return false
	}
}

// frozen reports whether every thread of the worker is stopped.
func (l *lane) frozen() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.worker.PID()))
	require.NoError(l.t, err)
	_, state, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(state, "T")
}

// takeOver has another worker finish the job while this one is frozen, then
// wakes the frozen one and lets it end what it had begun.
func (l *lane) takeOver(job client.WorkflowRun) {
	l.t.Helper()
	zombie, long := l.worker, time.After(2*attemptLimit)
	l.startWorker()
	ctx, cancel := context.WithTimeout(l.t.Context(), 4*attemptLimit)
	_ = job.Get(ctx, nil) // the zombie wakes whether or not it is done by then
	cancel()
	<-long
	require.NoError(l.t, syscall.Kill(-zombie.PID(), syscall.SIGCONT))
	require.NoError(l.t, zombie.Stop(30*time.Second))
}

// emit produces n events, with whatever change says.
func (l *lane) emit(n int64, change func(*generator.Config)) {
	l.t.Helper()
	l.seed++
	c := generator.Config{Seed: l.seed, Count: n, Start: time.Now().Add(-time.Minute)}
	change(&c)
	_, err := generator.Produce(l.t.Context(), generator.Target{Brokers: []string{l.brokers}, Topic: topic}, c, nil)
	require.NoError(l.t, err)
}

// await waits until a workflow has ended, however it did.
func (l *lane) await(job client.WorkflowRun, result any) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), limit)
	defer cancel()
	err := job.Get(ctx, result)
	if err != nil && ctx.Err() != nil {
		l.t.Fatalf("workflow %s doesn't end: %v", job.GetID(), err)
	}
}

// drain lets the pipeline run to its end: the checkpoint at the topic's end,
// and no run open.
func (l *lane) drain() {
	l.t.Helper()
	for range maxDrain {
		l.quiet()
		var r pipeline.RunReport
		l.await(l.begin(), &r)
		if r.Outcome == pipeline.Idle {
			l.quiet()
			return
		}
	}
	l.t.Fatalf("after %d runs there is still something to load", maxDrain)
}

// count counts twice: with the command line, and beside the pipeline.
func (l *lane) count() tally {
	l.t.Helper()
	account := l.verify()
	got := l.counter.count(l.t)
	require.True(l.t, got.sound(), "%+v", got)
	require.Equal(l.t, []int64{got.Topic, got.Table, got.Quarantine, got.Held},
		[]int64{account.Topic, account.Table, account.Quarantine, account.Held}, "topic, table, quarantine and held by the two counts")
	return got
}

// fill leaves so many bytes of the worker's disk free, until free is called.
func (l *lane) fill(left int64) (free func()) {
	l.t.Helper()
	path := filepath.Join(l.data, "ballast")
	f, err := os.Create(path)
	require.NoError(l.t, err)
	block := make([]byte, 1<<20)
	size := int64(0)
	for {
		n, err := f.Write(block)
		size += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		require.NoError(l.t, err)
	}
	require.NoError(l.t, f.Truncate(max(0, size-left)))
	require.NoError(l.t, f.Close())
	return func() { require.NoError(l.t, os.Remove(path)) }
}

// logged reports whether the worker has logged the text since the mark.
func (l *lane) logged(mark int64, text string) bool {
	l.t.Helper()
	f, err := os.Open(filepath.Join(l.dir, "worker.log"))
	require.NoError(l.t, err)
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	require.NoError(l.t, err)
	b := make([]byte, max(0, info.Size()-mark))
	_, err = f.ReadAt(b, mark)
	require.NoError(l.t, err)
	return strings.Contains(string(b), text)
}

func (l *lane) logEnd() int64 {
	l.t.Helper()
	info, err := os.Stat(filepath.Join(l.dir, "worker.log"))
	require.NoError(l.t, err)
	return info.Size()
}
