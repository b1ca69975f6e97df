package agent

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// rehashed is a log with its entries changed, and a chain that fits again: what
// somebody writes who knows how.
func rehashed(t *testing.T, log []byte, change func(*Entry)) []byte {
	t.Helper()
	var out []byte
	var prev string
	for _, line := range bytes.SplitAfter(log, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var e Entry
		require.NoError(t, json.Unmarshal(line, &e))
		change(&e)
		e.Prev = prev
		sealed, err := seal(&e)
		require.NoError(t, err)
		prev, out = e.Hash, append(out, sealed...)
	}
	_, _, err := VerifyAudit(bytes.NewReader(out))
	require.NoError(t, err, "the chain alone shows nothing")
	return out
}

func TestAnchorsShowWhatTheChainCannot(t *testing.T) {
	_, whole := logOf(t, 5)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	var heads []Anchor
	for e, err := range Entries(bytes.NewReader(whole)) {
		require.NoError(t, err)
		heads = append(heads, Anchor{Head{"p", e.Seq, e.Hash}, "run-" + e.ID})
	}
	last := heads[4]
	replaced := rehashed(t, whole, func(e *Entry) {
		if e.Seq == 3 {
			e.Body = json.RawMessage(`{"decision":{"summary":"all is well"}}`)
		}
	})
	tests := map[string]struct {
		log      []byte
		anchors  []Anchor
		entries  int64
		problems []string
	}{
		"a whole log":                          {whole, heads, 5, nil},
		"entries after the last anchor":        {whole, heads[:2], 5, nil},
		"no anchors prove no tail":             {bytes.Join(lines[:2], nil), nil, 2, nil},
		"a tail that was cut":                  {bytes.Join(lines[:2], nil), heads, 2, []string{"the log ends at entry 2, but run " + last.By + " anchored entry 5: its tail was cut"}},
		"all of it was cut":                    {nil, heads[4:], 0, []string{"the log ends at entry 0, but run " + last.By + " anchored entry 5: its tail was cut"}},
		"an entry with its followers rehashed": {replaced, heads, 5, []string{"entry 3 was replaced, or one before it: run " + heads[2].By}},
		"replaced, seen by a later anchor":     {replaced, heads[4:], 5, []string{"entry 5 was replaced"}},
		"replaced after the last anchor":       {replaced, heads[:2], 5, nil},
		"replaced and cut":                     {bytes.Join(bytes.SplitAfter(replaced, []byte("\n"))[:4], nil), heads, 4, []string{"entry 3 was replaced", "its tail was cut"}},
		"a broken chain speaks for itself":     {bytes.Join(append(lines[:1:1], lines[2]), nil), heads, 1, []string{"the chain is broken after 1 entries"}},
		"two runs that noted the same head":    {whole, append(heads, heads...), 5, nil},
		"one of two runs noted another head":   {whole, append(heads[:5:5], Anchor{Head{"p", 2, "beef"}, "liar"}), 5, []string{"entry 2 was replaced, or one before it: run liar anchored it with hash beef"}},
		"an empty log without runs":            {nil, nil, 0, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := Prove(bytes.NewReader(tc.log), tc.anchors)
			require.Equal(t, tc.entries, p.Entries)
			require.Equal(t, len(tc.anchors), p.Anchors)
			require.Len(t, p.Problems, len(tc.problems), "%q", p.Problems)
			for i, want := range tc.problems {
				require.Contains(t, p.Problems[i], want)
			}
		})
	}
}

func TestTheHeadIsTheLastEntry(t *testing.T) {
	path, whole := logOf(t, 3)
	n, hash, err := VerifyAudit(bytes.NewReader(whole))
	require.NoError(t, err)
	l := OpenAudit(path)
	require.Equal(t, Head{Seq: n, Hash: hash}, l.Head())
	require.NoError(t, reopened(path).Answer(pipeline.Resolution{Incident: "inc-1"}, t0), "by another process")
	require.NoError(t, l.Answer(pipeline.Resolution{Incident: "inc-1"}, t0), "the repeat appends nothing")
	n, hash, err = verify(t, path)
	require.NoError(t, err)
	require.Equal(t, Head{Seq: n, Hash: hash}, l.Head(), "but sees what the other one did")
	require.Zero(t, OpenAudit(filepath.Join(t.TempDir(), "log.jsonl")).Head(), "nothing was appended")
}

func TestAHeadsNumberIsItsFirst52Bits(t *testing.T) {
	for hash, want := range map[string]float64{
		"":                  0,
		"not a hash at all": 0,
		"0000000000001fff":  1,
		"fffffffffffff000":  1<<52 - 1,
	} {
		require.Equal(t, want, Head{Hash: hash}.Number(), hash)
	}
}

// A shadow entry is in the chain like the others, once for each decision.
func TestShadowsAreRecordedOnceForEachDecision(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	l := OpenAudit(path)
	for _, s := range []Shadow{
		{Decision: "dec-1", Proposal: Proposal{By: "ollama", Actions: []Planned{{Action: Escalate}}}, Agrees: true},
		{Decision: "dec-1", Proposal: Proposal{By: "ollama"}, Refused: "a second answer of the same model"},
		{Decision: "dec-2", Proposal: Proposal{By: "ollama"}, Refused: "the model\nis down"},
		{Decision: "dec-3", Proposal: Proposal{By: "ollama", Actions: []Planned{{Action: Log}, {Action: Notify}}}},
	} {
		require.NoError(t, l.Shadow(s, t0))
	}
	log, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = log.Close() }() // only read
	var lines []string
	for e, err := range Entries(log) {
		require.NoError(t, err)
		require.Contains(t, Kinds, e.Kind)
		lines = append(lines, e.Line())
	}
	require.Equal(t, []string{
		"dec-1  ollama would do the same",
		"dec-2  ollama would have been refused: the model is down",
		"dec-3  ollama would log, notify",
	}, lines)
}
