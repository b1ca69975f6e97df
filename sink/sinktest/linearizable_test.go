package sinktest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

func TestTheModelTellsHistoriesApart(t *testing.T) {
	look := func(sequence int64, checkpoint string) output {
		return output{result: done, sequence: sequence, checkpoint: checkpoint}
	}
	looking := input{op: opLook}
	first := input{op: opLoad, batch: "a", base: "", next: "0:4"}
	rival := input{op: opLoad, batch: "b", base: "", next: "0:6"}
	second := input{op: opLoad, batch: "c", base: "0:4", next: "0:8"}
	undo := func(batch string) input { return input{op: opRollback, batch: batch} }
	settling := func(revision int64, id string) input {
		return input{op: opSettle, batch: "a", revision: revision, settlement: id}
	}
	is := func(r result, sequence int64) output { return output{result: r, sequence: sequence} }
	type step struct {
		in   input
		out  output
		from int64 // and to+10, unless it is open
		open bool
	}
	tests := map[string]struct {
		steps []step
		want  porcupine.CheckResult
	}{
		"loads one after the other":                           {[]step{{in: first, out: is(done, 1)}, {in: looking, out: look(1, "0:4"), from: 20}, {in: second, out: is(done, 2), from: 40}}, porcupine.Ok},
		"a look that misses a load that was over":             {[]step{{in: first, out: is(done, 1)}, {in: looking, out: look(0, ""), from: 20}}, porcupine.Illegal},
		"a look beside a load sees it or not":                 {[]step{{in: first, out: is(done, 1)}, {in: looking, out: look(0, ""), from: 5}}, porcupine.Ok},
		"a look that sees what nobody loaded":                 {[]step{{in: looking, out: look(1, "0:9")}}, porcupine.Illegal},
		"two winners from one base":                           {[]step{{in: first, out: is(done, 1)}, {in: rival, out: is(done, 2)}}, porcupine.Illegal},
		"one winner, one conflict":                            {[]step{{in: first, out: is(done, 1)}, {in: rival, out: is(conflict, 0)}}, porcupine.Ok},
		"two conflicts from the right base":                   {[]step{{in: first, out: is(conflict, 0)}, {in: rival, out: is(conflict, 0)}}, porcupine.Illegal},
		"a repeat that is told so":                            {[]step{{in: first, out: is(done, 1)}, {in: first, out: is(repeated, 1), from: 20}}, porcupine.Ok},
		"a repeat that commits again":                         {[]step{{in: first, out: is(done, 1)}, {in: first, out: is(done, 2), from: 20}}, porcupine.Illegal},
		"a load after a rollback":                             {[]step{{in: first, out: is(done, 1)}, {in: undo("a"), out: is(done, 0), from: 20}, {in: rival, out: is(done, 3), from: 40}}, porcupine.Ok},
		"a rollback that leaves the checkpoint":               {[]step{{in: first, out: is(done, 1)}, {in: undo("a"), out: is(done, 0), from: 20}, {in: looking, out: look(2, "0:4"), from: 40}}, porcupine.Illegal},
		"a rollback of what isn't the last load":              {[]step{{in: first, out: is(done, 1)}, {in: second, out: is(done, 2), from: 20}, {in: undo("a"), out: is(done, 0), from: 40}}, porcupine.Illegal},
		"a crash that nobody knows the end of, and was":       {[]step{{in: first, out: is(unknown, 0), open: true}, {in: looking, out: look(1, "0:4"), from: 20}}, porcupine.Ok},
		"a crash that nobody knows the end of, and wasn't":    {[]step{{in: first, out: is(unknown, 0), open: true}, {in: looking, out: look(0, ""), from: 20}, {in: rival, out: is(done, 1), from: 40}}, porcupine.Ok},
		"a crash that comes and goes":                         {[]step{{in: first, out: is(unknown, 0), open: true}, {in: looking, out: look(1, "0:4"), from: 20}, {in: looking, out: look(0, ""), from: 40}}, porcupine.Illegal},
		"a settlement of a revision that is gone":             {[]step{{in: first, out: is(done, 1)}, {in: settling(1, "x"), out: is(done, 2), from: 20}, {in: settling(1, "y"), out: is(done, 3), from: 40}}, porcupine.Illegal},
		"rival settlements, of which one wins":                {[]step{{in: first, out: is(done, 1)}, {in: settling(1, "x"), out: is(done, 2), from: 20}, {in: settling(1, "y"), out: is(conflict, 0), from: 20}}, porcupine.Ok},
		"a load that another process repeats, and isn't told": {[]step{{in: first, out: is(done, 0)}, {in: first, out: is(done, 0), from: 20}}, porcupine.Ok},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := &history{}
			for i, st := range tc.steps {
				op := porcupine.Operation{ClientId: i, Input: st.in, Output: st.out, Call: st.from, Return: st.from + 10}
				if st.open {
					op.Return = math.MaxInt64
				}
				h.ops = append(h.ops, op)
			}
			if got := h.check(); got != tc.want {
				t.Errorf("the check says %s, want %s:\n%s", got, tc.want, h)
			}
		})
	}
}

// inMemory is a table in memory that keeps the contract, or breaks it as breach
// says.
type inMemory struct {
	sink.Sink
	breach string

	mu    sync.Mutex
	state register
	cp    map[string]pipeline.Checkpoint // by its text
	loads map[string]sink.Load           // by batch
	looks int
	old   sink.State
}

func (m *inMemory) do(in input) output {
	next, out := m.state.apply(in)
	m.state = next
	return out
}

func (o output) receipt() (sink.Receipt, error) {
	if o.result == conflict {
		return sink.Receipt{}, sink.ErrConflict
	}
	return sink.Receipt{Sequence: o.sequence, Repeated: o.result == repeated}, nil
}

func (m *inMemory) State(context.Context) (sink.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	if m.breach == "reads from a cache" && m.looks%3 == 0 {
		return m.old, nil
	}
	m.old = sink.State{Sequence: m.state.sequence, Checkpoint: m.cp[m.state.checkpoint]}
	return m.old, nil
}

func (m *inMemory) Load(_ context.Context, l sink.Load) (sink.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := loading(l)
	m.cp[in.next], m.loads[in.batch] = l.Base.After(l.Batch), l
	switch m.breach {
	case "has no fence":
		in.base = m.state.checkpoint
	case "knows no batch again":
		m.state.loads = nil
		in.base = m.state.checkpoint
	case "loses a load that it has confirmed":
		if before := m.state; m.looks%4 == 0 {
			defer func() { m.state = before }()
		}
	}
	return m.do(in).receipt()
}

func (m *inMemory) Rollback(_ context.Context, batchID, _ string) (sink.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.do(input{op: opRollback, batch: batchID}).receipt()
	return sink.State{}, err
}

func (m *inMemory) Entries(context.Context) ([]sink.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []sink.Entry
	for batch, revision := range m.state.entries {
		out = append(out, sink.Entry{BatchID: batch, Revision: revision})
	}
	return out, nil
}

func (m *inMemory) Settle(_ context.Context, s sink.Settlement) (sink.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := input{op: opSettle, batch: s.BatchID, revision: s.Revision, settlement: s.ID}
	if m.breach == "settles whatever the revision" {
		in.revision, in.settlement = m.state.entries[s.BatchID], fmt.Sprint(m.looks, len(m.state.settled))
	}
	return m.do(in).receipt()
}

func (m *inMemory) Close() error { return nil }

// The check must be able to fail: a table that keeps the contract passes, and
// each way to break it is found.
func TestTheCheckFindsEveryBreach(t *testing.T) {
	for _, breach := range []string{
		"", "has no fence", "knows no batch again", "reads from a cache", "loses a load that it has confirmed", "settles whatever the revision",
	} {
		t.Run("a table that "+breach, func(t *testing.T) {
			m := &inMemory{breach: breach, cp: map[string]pipeline.Checkpoint{}, loads: map[string]sink.Load{}}
			h := play(t, func() (sink.Sink, error) { return m, nil })
			got := h.check()
			if want := breach == ""; (got == porcupine.Ok) != want {
				t.Errorf("the check says %s:\n%s", got, h)
			}
		})
	}
}

// play has four clients work with a table, one step of each after the other:
// what is found doesn't depend on timing.
func play(t *testing.T, open func() (sink.Sink, error)) *history {
	t.Helper()
	s := &suite{T: t, h: Harness{Open: open}, dir: t.TempDir()}
	h := &history{began: time.Now()}
	var all []*client
	for i := range clients {
		all = append(all, &client{suite: s, history: h, number: i, handle: s.open(), r: rand.New(rand.NewPCG(7, uint64(i)))})
	}
	for n := range stepsEach {
		for _, c := range all {
			if err := c.step(n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}
