//go:build integration

package e2e

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The suite's verdict is worth what its reader notices: each kind of damage to
// a sound table must be counted, and nothing else.
func TestTheIndependentReaderCountsEveryKindOfDamage(t *testing.T) {
	s := start(t, "")
	s.produce(t, "malformed", 3_000)
	require.Equal(t, int64(30), s.run().Records.Quarantined)
	s.produce(t, "bad-major", 3_000)
	require.Equal(t, int64(3_000), s.run().Records.Held, "270 of them are suspect")
	out, quarantine := filepath.Join(s.dir, "data", "out", "parquet", "customers"), filepath.Join(s.dir, "data", "quarantine", "customers")
	program := python(t)
	damaged := func(damage func(table, quarantine string), dump func([]byte) []byte) tally {
		t.Helper()
		dir := t.TempDir()
		table, outside := filepath.Join(dir, "table"), filepath.Join(dir, "quarantine")
		require.NoError(t, os.CopyFS(table, os.DirFS(out)))
		require.NoError(t, os.CopyFS(outside, os.DirFS(quarantine)))
		damage(table, outside)
		c := newCounter(t, program, s.brokers, map[string]any{"kind": "folder", "table": table, "quarantine": outside})
		c.append(t)
		b, err := os.ReadFile(c.dump)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(c.dump, dump(b), 0o600))
		return c.count(t)
	}
	first := func(pattern string) string {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		return found[0]
	}
	none, as := func(string, string) {}, func(b []byte) []byte { return b }
	sound := damaged(none, as)
	require.True(t, sound.sound(), "%+v", sound)
	require.Equal(t, []int64{6_000, 2_970, 300, 2_730}, []int64{sound.Topic, sound.Table, sound.Quarantine, sound.Held})

	remove := func(pattern func(table, quarantine string) string) func(string, string) {
		return func(table, quarantine string) { require.NoError(t, os.Remove(first(pattern(table, quarantine)))) }
	}
	lost := damaged(remove(func(table, _ string) string { return filepath.Join(table, "*=*", "*.parquet") }), as)
	require.Equal(t, sound.Table-lost.Table, lost.Lost)
	require.Positive(t, lost.Lost)
	lost = damaged(remove(func(_, quarantine string) string { return filepath.Join(quarantine, "held", "*", "*.parquet") }), as)
	require.Equal(t, sound.Held-lost.Held, lost.Lost)
	require.Positive(t, lost.Lost)

	doubled := damaged(func(table, _ string) {
		file := first(filepath.Join(table, "*=*", "*.parquet"))
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file+".again.parquet", b, 0o600))
	}, as)
	require.Equal(t, doubled.Table-sound.Table, doubled.Doubled)
	require.Positive(t, doubled.Doubled)

	strange := damaged(none, func(b []byte) []byte { return b[:bytes.LastIndexByte(bytes.TrimSpace(b), '\n')+1] })
	require.Equal(t, tally{Topic: 5_999, Table: 2_970, Quarantine: 300, Held: 2_730, Strange: 1}, strange)

	// Every record's name becomes another one, in the dump: where it is clean, a
	// column differs, and where it is quarantined, the bytes do.
	altered := damaged(none, func(b []byte) []byte {
		lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
		for i, line := range lines {
			_, value, _ := bytes.Cut(line, []byte(`"v":"`))
			value = value[:bytes.IndexByte(value, '"')]
			raw, err := base64.StdEncoding.DecodeString(string(value))
			require.NoError(t, err)
			other := base64.StdEncoding.EncodeToString(bytes.Replace(raw, []byte(`"name":"`), []byte(`"name":"x`), 1))
			lines[i] = bytes.Replace(line, value, []byte(other), 1)
		}
		return append(bytes.Join(lines, []byte("\n")), '\n')
	})
	require.Greater(t, altered.Altered, int64(5_900), "all but malformed records without a name")
	require.Zero(t, altered.Lost+altered.Doubled+altered.Strange)
}
