package sinktest

import (
	"fmt"
	"maps"

	"github.com/anishathalye/porcupine"

	"github.com/autonomous-data-pipeline/adp/sink"
)

// operation is what a client asks of a table.
type operation string

const (
	opLook     operation = "look"
	opLoad     operation = "load"
	opRollback operation = "rollback"
	opSettle   operation = "settle"
)

// input is one operation with what it depends on.
type input struct {
	op         operation
	batch      string
	base, next string // checkpoints of a load
	settlement string
	revision   int64
}

func (i input) String() string {
	switch i.op {
	case opLoad:
		return fmt.Sprintf("load %s on %q", i.batch, i.base)
	case opSettle:
		return fmt.Sprintf("settle %s at revision %d as %s", i.batch, i.revision, i.settlement)
	}
	return string(i.op) + " " + i.batch
}

func loading(l sink.Load) input {
	return input{op: opLoad, batch: l.Batch.ID, base: l.Base.String(), next: l.Base.After(l.Batch).String()}
}

// result is what a client learns.
type result string

const (
	done     result = "done"
	repeated result = "repeated" // it was done before; nothing was changed now
	conflict result = "conflict"
	unknown  result = "unknown" // it may have been done, or will be, or not
)

// output is a result, with what else the client sees: a sequence of 0 is none.
type output struct {
	result     result
	sequence   int64
	checkpoint string // of a look
}

// register is the table as the contract describes it: one value, changed by
// compare-and-swap.
type register struct {
	sequence   int64
	checkpoint string
	loads      map[string]int64   // batches that are in, with their commits
	entries    map[string]int64   // revisions of open entries
	settled    map[string]settled // by ID
	last       string             // batch of the last load
	undone     bool               // which was rolled back
	before     string             // the checkpoint that the last load found
}

type settled struct {
	batch    string
	sequence int64
}

func (g register) equal(o register) bool {
	return g.sequence == o.sequence && g.checkpoint == o.checkpoint && g.last == o.last && g.undone == o.undone && g.before == o.before &&
		maps.Equal(g.loads, o.loads) && maps.Equal(g.entries, o.entries) && maps.Equal(g.settled, o.settled)
}

// registerModel says which outputs are right in which state.
var registerModel = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, in, out any) (bool, any) {
		g, o := state.(register), out.(output)
		next, want := g.apply(in.(input))
		switch {
		case o.result == unknown:
			return true, next
		case in.(input).op == opLook:
			return o == want, g
		case o.sequence == 0: // not told
			// Another process tells that it is done, not whether it was before.
			return o.result == want.result || o.result == done && want.result == repeated, next
		}
		return o == want, next
	},
	Equal:             func(a, b any) bool { return a.(register).equal(b.(register)) },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%v → %+v", in, out) },
}

// apply carries an operation out, and says what its caller must see.
func (g register) apply(in input) (register, output) {
	switch in.op {
	case opLoad:
		return g.load(in)
	case opRollback:
		return g.rollback(in)
	case opSettle:
		return g.settle(in)
	default:
		return g, output{result: done, sequence: g.sequence, checkpoint: g.checkpoint}
	}
}

func (g register) load(in input) (register, output) {
	if sequence, ok := g.loads[in.batch]; ok {
		return g, output{result: repeated, sequence: sequence}
	}
	if g.checkpoint != in.base {
		return g, output{result: conflict}
	}
	g.sequence++
	g.before, g.checkpoint, g.last, g.undone = g.checkpoint, in.next, in.batch, false
	g.loads, g.entries = with(g.loads, in.batch, g.sequence), with(g.entries, in.batch, g.sequence)
	return g, output{result: done, sequence: g.sequence}
}

func (g register) rollback(in input) (register, output) {
	switch {
	case g.last == "" || g.last != in.batch:
		return g, output{result: conflict}
	case g.undone:
		return g, output{result: done}
	}
	g.sequence++
	g.checkpoint, g.undone = g.before, true
	g.loads, g.entries = without(g.loads, in.batch), without(g.entries, in.batch)
	g.settled = maps.Clone(g.settled)
	maps.DeleteFunc(g.settled, func(_ string, s settled) bool { return s.batch == in.batch })
	return g, output{result: done}
}

func (g register) settle(in input) (register, output) {
	if s, ok := g.settled[in.settlement]; ok {
		return g, output{result: repeated, sequence: s.sequence}
	}
	if revision, ok := g.entries[in.batch]; !ok || revision != in.revision {
		return g, output{result: conflict}
	}
	g.sequence++
	g.entries = with(g.entries, in.batch, g.sequence)
	g.settled = with(g.settled, in.settlement, settled{in.batch, g.sequence})
	return g, output{result: done, sequence: g.sequence}
}

// with is a copy of m: states are never changed.
func with[V any](m map[string]V, key string, v V) map[string]V {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]V{}
	}
	out[key] = v
	return out
}

func without(m map[string]int64, key string) map[string]int64 {
	out := maps.Clone(m)
	delete(out, key)
	return out
}
