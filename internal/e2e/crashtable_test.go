//go:build integration

package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// table is the suite's result.
type table struct {
	seed  uint64
	began time.Time

	mu   sync.Mutex
	rows []*tableRow
}

type tableRow struct {
	target, kind           string
	faults                 int
	lost, doubled, altered int64
	took                   time.Duration
}

func newTable(seed uint64) *table { return &table{seed: seed, began: time.Now()} }

// add counts one fault.
func (t *table) add(target, kind string, got tally, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.rows, func(r *tableRow) bool { return r.target == target && r.kind == kind })
	if i < 0 {
		i, t.rows = len(t.rows), append(t.rows, &tableRow{target: target, kind: kind})
	}
	r := t.rows[i]
	r.faults++
	r.lost, r.doubled, r.altered, r.took = r.lost+got.Lost, r.doubled+got.Doubled+got.Strange, r.altered+got.Altered, r.took+took
}

// String is the table in Markdown.
func (t *table) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortFunc(t.rows, func(a, b *tableRow) int {
		return cmp.Or(strings.Compare(a.target, b.target), strings.Compare(a.kind, b.kind))
	})
	var b strings.Builder
	var sum tableRow
	b.WriteString("| table | fault | faults | lost | doubled | altered | mean time to heal and count |\n|---|---|---:|---:|---:|---:|---:|\n")
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %.1f s |\n", r.target, r.kind, r.faults, r.lost, r.doubled, r.altered, r.took.Seconds()/float64(r.faults))
		sum.faults, sum.lost, sum.doubled, sum.altered = sum.faults+r.faults, sum.lost+r.lost, sum.doubled+r.doubled, sum.altered+r.altered
	}
	fmt.Fprintf(&b, "| **all** | | **%d** | **%d** | **%d** | **%d** | |\n", sum.faults, sum.lost, sum.doubled, sum.altered)
	fmt.Fprintf(&b, "\n%s, %s/%s with %d CPUs, seed %d, %v in all, each fault among %d fresh events.\n",
		t.began.UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), t.seed, time.Since(t.began).Round(time.Second), eventsEach)
	return b.String()
}

// Where the table goes.
const (
	tableBegin = "<!-- crash suite: begin -->\n"
	tableEnd   = "<!-- crash suite: end -->"
)

// publish replaces the table of a Markdown file.
func (t *table) publish(path string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(doc, []byte(tableBegin))
	_, tail, closed := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !closed {
		return fmt.Errorf("publish the result in %s: it has no place between %q and %q", path, tableBegin, tableEnd)
	}
	return os.WriteFile(path, slices.Concat(head, []byte(tableBegin), []byte(t.String()), []byte(tableEnd), tail), 0o644)
}
