package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"
)

// FuzzHistory: whatever bodies a log holds, whose chain is whole, reading it
// panics nowhere, and figures stay figures.
func FuzzHistory(f *testing.F) {
	f.Add("decision", []byte(`{"decision":{"id":"d","actions":[{"action":"escalate","args":{"hold":true}}]},"facts":{"retriggers":1}}`), "answer", []byte(`{"decision":"d"}`))
	f.Add("shadow", []byte(`{"decision":"d","proposal":{"by":"m"}}`), "executed", []byte(`{"done":[{"action":"remap"}]}`))
	f.Add("decision", []byte(`{"facts":{"report":{"failure":{}}}}`), "decision", []byte(`{"policy":{"repeated_failures":3}}`))
	f.Add("other", []byte(`null`), "decision", []byte(`[]`))
	f.Fuzz(func(t *testing.T, kind1 string, body1 []byte, kind2 string, body2 []byte) {
		var log []byte
		prev := ""
		for i, x := range []struct {
			kind string
			body []byte
		}{{kind1, body1}, {kind2, body2}, {kind1, body1}, {kind2, body2}} {
			e := Entry{Seq: int64(i + 1), Kind: EntryKind(x.kind), Body: json.RawMessage(x.body), Prev: prev}
			line, err := seal(&e)
			if err != nil {
				return // no JSON: it can't be in a log
			}
			log, prev = append(log, line...), e.Hash
		}
		for e, err := range Entries(bytes.NewReader(log)) {
			if err != nil {
				return // another spelling of the kind: the chain has found it
			}
			if len(e.Row()) != len(RowHeader) || e.Line() == "" && e.ID != "" {
				t.Fatalf("entry %q has %d cells, and reads %q", e.Body, len(e.Row()), e.Line())
			}
		}
		s, err := StatsOf(bytes.NewReader(log), time.Time{})
		if s.Advice.Agreed > s.Advice.Advised || s.Advice.Advised > s.Advice.Answered || s.Advice.Answered > s.Advice.Escalations {
			t.Fatalf("%+v, %v", s.Advice, err)
		}
		p := DefaultPolicy()
		tally, _ := Backtest{Policy: &p}.Run(context.Background(), bytes.NewReader(log), func(Change) error { return nil })
		for _, fate := range []Fate{tally.Was, tally.Is} {
			if fate.Loaded < 0 || fate.Quarantined < 0 || fate.Held < 0 || tally.Differ > tally.Decided {
				t.Fatalf("%+v", tally)
			}
		}
	})
}
