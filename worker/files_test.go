package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// newFilesWorld has the customers arrive as files.
func newFilesWorld(t *testing.T) *world {
	w := newWorld(t)
	w.declareSource(fmt.Sprintf("source:\n  kind: files\n  topic: customers\n  files: {path: %q}\n", filepath.Join(w.dir, "in")))
	require.NoError(t, os.MkdirAll(filepath.Join(w.dir, "in", "customers"), 0o755))
	return w
}

// declareSource gives the pipeline another source.
func (w *world) declareSource(section string) {
	w.t.Helper()
	file := filepath.Join(w.dir, "customers.yml")
	text, err := os.ReadFile(file)
	require.NoError(w.t, err)
	from, to := strings.Index(string(text), "source:\n"), strings.Index(string(text), "schema:\n")
	require.Less(w.t, from, to)
	require.NoError(w.t, os.WriteFile(file, []byte(string(text[:from])+section+"\n"+string(text[to:])), 0o600))
}

func (w *world) arrive(name string, data []byte) {
	w.t.Helper()
	path := filepath.Join(w.dir, "in", "customers", name)
	require.NoError(w.t, os.WriteFile(path, data, 0o644))
	at := time.Now().Add(-time.Minute) // it has settled
	require.NoError(w.t, os.Chtimes(path, at, at))
}

func (w *world) events(preset string, n int64) [][]byte {
	w.t.Helper()
	w.seed++
	c := generator.Config{Seed: w.seed, Count: n, Start: time.Now().Add(-time.Minute)}
	for _, p := range generator.Presets() {
		if p.Name == preset {
			p.Apply(&c)
		}
	}
	var out [][]byte
	for e := range c.Events() {
		out = append(out, e.Value)
	}
	return out
}

func asLines(events [][]byte) []byte { return append(bytes.Join(events, []byte("\n")), '\n') }

// asCSV has the customers' fields as columns, every cell in quotes: in CSV,
// nothing says which are numbers.
func asCSV(t *testing.T, events [][]byte) []byte {
	t.Helper()
	names := []string{"id", "customer_id", "name", "email", "country", "plan", "age", "monthly_spend", "active", "signup_date", "event_time"}
	var out bytes.Buffer
	out.WriteString(strings.Join(names, ",") + "\r\n")
	for _, e := range events {
		var fields map[string]any
		dec := json.NewDecoder(bytes.NewReader(e))
		dec.UseNumber()
		require.NoError(t, dec.Decode(&fields))
		var row []string
		for _, name := range names {
			cell := ""
			if v := fields[name]; v != nil {
				cell = `"` + strings.ReplaceAll(fmt.Sprint(v), `"`, `""`) + `"`
			}
			row = append(row, cell)
		}
		out.WriteString(strings.Join(row, ",") + "\r\n")
	}
	return out.Bytes()
}

func TestFilesGoTheWholeWay(t *testing.T) {
	w := newFilesWorld(t)
	idle := w.batch()
	require.Equal(t, pipeline.Idle, idle.Outcome)
	w.arrive("a.ndjson", asLines(w.events("healthy", 700)))
	w.arrive("b.csv", asCSV(t, w.events("bad-minor", 600)))
	w.arrive("c.csv", append(asCSV(t, w.events("healthy", 300)), "1,too,few\n"...))
	r := w.batch()
	require.Equal(t, []string{"dq_failures_minor"}, r.Conditions)
	require.Equal(t, pipeline.Succeeded, r.Outcome)
	require.Equal(t, "customers", r.Source.Topic)
	require.Equal(t, []pipeline.Range{{Start: 0, End: 1_601}}, r.Source.Ranges)
	require.Equal(t, int64(1_601), r.Records.Read)
	require.Equal(t, int64(1), r.Records.Malformed)
	require.Equal(t, int64(1_600), w.verify().Table)
	require.Equal(t, "1,too,few", w.rejects()[[2]int64{0, 1_600}], "a broken row is kept as it came")
	w.checkFiles(r)

	// What was loaded may go; what arrives goes on behind it.
	require.NoError(t, os.Remove(filepath.Join(w.dir, "in", "customers", "b.csv")))
	require.Equal(t, pipeline.Idle, w.batch().Outcome)
	account := w.verify()
	require.Equal(t, int64(600), account.Expired)
	w.arrive("d.ndjson", asLines(w.events("additive-drift", 400)))
	r = w.batch()
	require.Equal(t, []string{"schema_drift_additive"}, r.Conditions)
	require.Equal(t, []pipeline.Range{{Start: 1_601, End: 2_001}}, r.Source.Ranges)
	require.Equal(t, int64(2_000), w.verify().Table)
}

func TestAFileThatGoesBeforeItIsReadIsAGap(t *testing.T) {
	w := newFilesWorld(t)
	w.arrive("a.ndjson", asLines(w.events("healthy", 100)))
	require.Equal(t, int64(100), w.batch().Records.Loaded)
	for _, name := range []string{"b.ndjson", "c.ndjson"} {
		w.arrive(name, asLines(w.events("healthy", 50)))
	}
	w.verify() // takes the files in
	require.NoError(t, os.Remove(filepath.Join(w.dir, "in", "customers", "b.ndjson")))
	r := w.batch()
	require.Equal(t, []string{"source_gap"}, r.Conditions)
	require.Equal(t, []pipeline.Range{{Start: 100, End: 150}}, r.Source.Gaps)
	require.Equal(t, int64(50), r.Records.Loaded, "what is behind the gap is loaded")
	account := w.verify()
	require.Equal(t, int64(150), account.Table)
	require.Equal(t, r.Source.Gaps, account.Gaps)
}
