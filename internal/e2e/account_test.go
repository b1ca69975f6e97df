//go:build integration

package e2e

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

//go:embed testdata/reader.py
var readerScript []byte

// tally is what the independent reader counted, in records.
type tally struct {
	Topic, Table, Quarantine, Held int64
	Lost, Doubled                  int64
	Strange                        int64 // in the table, but not in the topic
	Altered                        int64 // with another value than the topic has
}

func (c tally) sound() bool { return c.Lost == 0 && c.Doubled == 0 && c.Strange == 0 && c.Altered == 0 }

// counter dumps the topic, and asks a reader that shares no code with the
// pipeline where every record of it is.
type counter struct {
	brokers string
	dump    string          // file of JSON lines
	next    map[int32]int64 // offset up to which each partition was dumped
	in      io.Writer
	out     *bufio.Reader
	errs    *bytes.Buffer
}

// newCounter starts the reader. where tells it where the table is.
func newCounter(t *testing.T, interpreter, brokers string, where map[string]any) *counter {
	t.Helper()
	dir := t.TempDir()
	script, arg := filepath.Join(dir, "reader.py"), new(bytes.Buffer)
	require.NoError(t, os.WriteFile(script, readerScript, 0o600))
	require.NoError(t, json.NewEncoder(arg).Encode(where))
	cmd := exec.Command(interpreter, script, arg.String())
	c := &counter{brokers: brokers, dump: filepath.Join(dir, "topic.jsonl"), next: map[int32]int64{}, errs: &bytes.Buffer{}}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr, c.in, c.out = c.errs, in, bufio.NewReader(out)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("the reader ended: %v\n%s", err, c.errs)
		}
	})
	return c
}

// count dumps what the topic has got since the last time, and counts.
func (c *counter) count(t *testing.T) tally {
	t.Helper()
	c.append(t)
	_, err := fmt.Fprintln(c.in, c.dump)
	require.NoError(t, err, "%s", c.errs)
	line, err := c.out.ReadBytes('\n')
	require.NoError(t, err, "the independent reader: %s", c.errs)
	var got tally
	require.NoError(t, json.Unmarshal(line, &got), string(line))
	return got
}

// append dumps the topic up to its end.
func (c *counter) append(t *testing.T) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.brokers))
	require.NoError(t, err)
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	require.NoError(t, ends.Error())
	f, err := os.OpenFile(c.dump, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	from, left := map[int32]kgo.Offset{}, int64(0)
	for p, end := range ends[topic] {
		if end.Offset > c.next[p] {
			from[p] = kgo.NewOffset().At(c.next[p])
			left += end.Offset - c.next[p]
		}
	}
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: from})
	to := json.NewEncoder(f)
	for left > 0 {
		fetches := cl.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			require.Equal(t, c.next[r.Partition], r.Offset, "an offset of partition %d is missing from the topic", r.Partition)
			c.next[r.Partition]++
			left--
			require.NoError(t, to.Encode(map[string]any{"p": r.Partition, "o": r.Offset, "v": r.Value}))
		})
	}
}
