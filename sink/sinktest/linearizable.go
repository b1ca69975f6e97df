package sinktest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

var historyTests = map[string]func(*suite){
	"concurrent runs see the checkpoint as one register": linearizable,
}

// How much the clients do. The check's cost grows with how much of it overlaps.
const (
	clients     = 4
	stepsEach   = 12
	undecidable = 2 * time.Minute
)

// linearizable lets several handles, and other processes that may die, read,
// load, roll back and settle at once. What each of them saw must be explained
// by some order of these operations, one after the other, on one register with
// compare-and-swap.
func linearizable(s *suite) {
	seed := rand.Uint64()
	s.Logf("seed %d", seed)
	h := &history{began: time.Now()}
	var done sync.WaitGroup
	for i := range clients {
		c := &client{suite: s, history: h, number: i, handle: s.open(), r: rand.New(rand.NewPCG(seed, uint64(i)))}
		done.Go(func() {
			for n := range stepsEach {
				if err := c.step(n); err != nil {
					s.Errorf("client %d, step %d: %v", i, n, err)
					return
				}
			}
		})
	}
	done.Wait()
	if s.Failed() {
		return
	}
	if got := h.check(); got != porcupine.Ok {
		s.Errorf("no order of these operations explains what the clients saw (%s):\n%s", got, h)
	}
}

// history is what all clients did and saw.
type history struct {
	began time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
	loads []sink.Load // that came through, for rollbacks and repeats
}

// during records one operation. What do can't tell for sure may take effect at
// any later time, or never.
func (h *history) during(client int, in input, do func() (output, error)) error {
	call := time.Since(h.began).Nanoseconds()
	out, err := do()
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	op := porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: time.Since(h.began).Nanoseconds()}
	if out.result == unknown {
		op.Return = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
	return nil
}

func (h *history) check() porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(registerModel, h.ops, undecidable)
}

func (h *history) String() string {
	slices.SortFunc(h.ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var text string
	for _, op := range h.ops {
		text += fmt.Sprintf("%12d to %20d  client %d  %v → %+v\n", op.Call, op.Return, op.ClientId, op.Input, op.Output)
	}
	return text
}

// client is one of those that work at once.
type client struct {
	*suite
	history *history
	number  int
	handle  sink.Sink
	r       *rand.Rand
	seen    []pipeline.Checkpoint
}

// step looks, and then does one thing.
func (c *client) step(n int) error {
	base, err := c.look()
	if err != nil {
		return err
	}
	dir := filepath.Join(c.dir, fmt.Sprintf("client-%d-%d", c.number, n))
	switch k := c.r.IntN(10); {
	case k < 4:
		return c.load(c.batch(dir, base))
	case k == 4: // planned on something that may be no more
		return c.load(c.batch(dir, c.seen[c.r.IntN(len(c.seen))]))
	case k == 5:
		return c.loadElsewhere(c.batch(dir, base))
	case k == 6:
		if l, ok := c.some(); ok {
			return c.load(l)
		}
	case k == 7:
		if l, ok := c.some(); ok {
			return c.rollback(l.Batch.ID)
		}
	default:
		return c.settle(fmt.Sprintf("settlement-%d-%d", c.number, n))
	}
	return nil
}

// some is a load that came through: mostly the last one.
func (c *client) some() (sink.Load, bool) {
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	loads := c.history.loads
	if len(loads) == 0 {
		return sink.Load{}, false
	}
	if c.r.IntN(3) > 0 {
		return loads[len(loads)-1], true
	}
	return loads[c.r.IntN(len(loads))], true
}

// batch stages a few records after base. Two clients may make the same batch.
func (c *client) batch(dir string, base pipeline.Checkpoint) sink.Load {
	n := 4 + 2*c.r.Int64N(2)
	return Stage(c, dir, Spec{
		RunID: fmt.Sprintf("run-%d", c.number), Base: base,
		Ranges: []pipeline.Range{{Partition: 0, Start: base[0], End: base[0] + n}},
	})
}

func (c *client) look() (pipeline.Checkpoint, error) {
	var st sink.State
	err := c.history.during(c.number, input{op: opLook}, func() (output, error) {
		var err error
		st, err = c.handle.State(c.Context())
		return output{result: done, sequence: st.Sequence, checkpoint: st.Checkpoint.String()}, err
	})
	c.seen = append(c.seen, st.Checkpoint)
	return st.Checkpoint, err
}

func (c *client) load(l sink.Load) error {
	return c.history.during(c.number, loading(l), func() (output, error) {
		r, err := c.handle.Load(c.Context(), l)
		if err == nil {
			c.cameThrough(l)
		}
		return outcome(r, err)
	})
}

// loadElsewhere loads in another process, which may die on the way.
func (c *client) loadElsewhere(l sink.Load) error {
	if c.h.Crash == nil {
		return c.load(l)
	}
	point := c.h.CrashPoints[c.r.IntN(len(c.h.CrashPoints))]
	return c.history.during(c.number, loading(l), func() (output, error) {
		died, err := c.h.Crash(point, Step{Load: &l})
		if through := !died && err == nil; through {
			c.cameThrough(l)
			return output{result: done}, nil
		}
		return output{result: unknown}, nil // an error has lost its kind on the way: it may be a conflict
	})
}

func (c *client) cameThrough(l sink.Load) {
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	c.history.loads = append(c.history.loads, l)
}

func (c *client) rollback(batchID string) error {
	return c.history.during(c.number, input{op: opRollback, batch: batchID}, func() (output, error) {
		_, err := c.handle.Rollback(c.Context(), batchID, "test")
		return outcome(sink.Receipt{}, err)
	})
}

// settle marks an open entry, and at times does it twice.
func (c *client) settle(id string) error {
	entries, err := c.handle.Entries(c.Context())
	if err != nil || len(entries) == 0 {
		return err
	}
	e := entries[c.r.IntN(len(entries))]
	for range 1 + c.r.IntN(2) {
		in := input{op: opSettle, batch: e.BatchID, revision: e.Revision, settlement: id}
		if err := c.history.during(c.number, in, func() (output, error) {
			return outcome(c.handle.Settle(c.Context(), settlement(e, id, sink.Discarded)))
		}); err != nil {
			return err
		}
	}
	return nil
}

// outcome is what a caller learns from a receipt and an error.
func outcome(r sink.Receipt, err error) (output, error) {
	switch {
	case errors.Is(err, sink.ErrConflict):
		return output{result: conflict}, nil
	case err != nil && pipeline.KindOf(err) == pipeline.Transient:
		return output{result: unknown}, nil
	case err != nil:
		return output{}, err
	case r.Repeated:
		return output{result: repeated, sequence: r.Sequence}, nil
	}
	return output{result: done, sequence: r.Sequence}, nil
}
