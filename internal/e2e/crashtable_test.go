//go:build integration

package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// table is the suite's result for one target.
type table struct {
	target string
	seed   uint64
	began  time.Time

	mu    sync.Mutex
	kinds map[string]*tableRow
}

type tableRow struct {
	faults                 int
	lost, doubled, altered int64
	took                   time.Duration
}

func newTable(target string, seed uint64) *table {
	return &table{target: target, seed: seed, began: time.Now(), kinds: map[string]*tableRow{}}
}

// add counts one fault.
func (t *table) add(kind string, got tally, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.kinds[kind]
	if r == nil {
		r = &tableRow{}
		t.kinds[kind] = r
	}
	r.faults++
	r.lost, r.doubled, r.altered, r.took = r.lost+got.Lost, r.doubled+got.Doubled+got.Strange, r.altered+got.Altered, r.took+took
}

// String is the table in Markdown, with what it takes to repeat it.
func (t *table) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	var sum tableRow
	b.WriteString("| fault | faults | lost | doubled | altered | mean time to heal and count |\n|---|---:|---:|---:|---:|---:|\n")
	for _, kind := range slices.Sorted(maps.Keys(t.kinds)) {
		r := t.kinds[kind]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %.1f s |\n", kind, r.faults, r.lost, r.doubled, r.altered, r.took.Seconds()/float64(r.faults))
		sum.faults, sum.lost, sum.doubled, sum.altered = sum.faults+r.faults, sum.lost+r.lost, sum.doubled+r.doubled, sum.altered+r.altered
	}
	fmt.Fprintf(&b, "| **all** | **%d** | **%d** | **%d** | **%d** | |\n", sum.faults, sum.lost, sum.doubled, sum.altered)
	fmt.Fprintf(&b, "\n%s, %s/%s with %d CPUs, `CRASH_TARGET=%s CRASH_FAULTS=%d CRASH_SEED=%d`, %v; each fault among %d fresh events.\n",
		t.began.UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), t.target, sum.faults, t.seed,
		time.Since(t.began).Round(time.Second), eventsEach)
	return b.String()
}

// Where tables go in a document, and what heads each.
const (
	tablesBegin = "<!-- crash suite: begin -->\n"
	tablesEnd   = "<!-- crash suite: end -->"
	tableHead   = "### "
)

// published is the document with this target's table in place of its last one;
// other targets' stay.
func (t *table) published(doc []byte) ([]byte, error) {
	head, rest, ok := bytes.Cut(doc, []byte(tablesBegin))
	old, tail, closed := bytes.Cut(rest, []byte(tablesEnd))
	if !ok || !closed {
		return nil, fmt.Errorf("publish the result: the document has no place between %q and %q", tablesBegin, tablesEnd)
	}
	blocks := map[string]string{}
	for _, block := range strings.Split("\n"+string(old), "\n"+tableHead)[1:] {
		name, text, _ := strings.Cut(block, "\n")
		blocks[name] = strings.TrimSpace(text)
	}
	blocks[t.target] = strings.TrimSpace(t.String())
	out := slices.Concat(head, []byte(tablesBegin))
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		out = fmt.Appendf(out, "\n%s%s\n\n%s\n", tableHead, name, blocks[name])
	}
	return slices.Concat(out, []byte("\n"+tablesEnd), tail), nil
}

func (t *table) publish(path string) error {
	doc, err := os.ReadFile(path)
	if err == nil {
		doc, err = t.published(doc)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, doc, 0o644)
}

func TestAPublishedTableReplacesItsOwnAlone(t *testing.T) {
	doc := []byte("# Page\n\n" + tablesBegin + tablesEnd + "\n\nEnd.\n")
	parquet, iceberg := newTable("parquet", 1), newTable("iceberg", 2)
	parquet.add(killedAt, tally{}, time.Second)
	iceberg.add(killedAt, tally{Lost: 2, Doubled: 3, Strange: 4, Altered: 5}, time.Second)
	for _, tb := range []*table{parquet, iceberg, parquet} {
		var err error
		doc, err = tb.published(doc)
		require.NoError(t, err)
	}
	parquet.add(killedAt, tally{}, 2*time.Second)
	again, err := parquet.published(doc)
	require.NoError(t, err)
	text := string(again)
	require.Equal(t, 1, strings.Count(text, "### parquet"))
	require.Contains(t, text, "| "+killedAt+" | 2 | 0 | 0 | 0 | 1.5 s |")
	require.Contains(t, text, "| **all** | **1** | **2** | **7** | **5** | |")
	require.True(t, strings.HasPrefix(text, "# Page\n") && strings.HasSuffix(text, tablesEnd+"\n\nEnd.\n"), text)
	_, err = parquet.published([]byte("# Page\n"))
	require.ErrorContains(t, err, "no place")
}
