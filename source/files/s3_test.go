//go:build cloud

package files

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/fakes3"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// On S3 the times are the server's, so the order within a second is the names'.
func TestFilesOnS3(t *testing.T) {
	server := fakes3.Start(t)
	in := server.Bucket(t, "arrivals")
	s := newTestSource(t, t.TempDir(), func(c *Config) { c.Path, c.Settle = in("in"), 0 })
	st, ok := s.store.(bucket)
	require.True(t, ok)
	put := func(name string, data []byte) {
		t.Helper()
		require.NoError(t, st.b.WriteAll(t.Context(), name, data, nil))
	}
	put("topic/sub/b.ndjson", []byte("3\n4\n"))
	put("topic/a.csv", []byte("x\n1\n2\n"))
	put("topic/_SUCCESS", nil)
	put("topic/c.parquet", parquetFile(t, [][]byte{[]byte("5"), []byte("6")}, 1))
	put("topic/d.ndjson.gz", zipped(t, []byte("7\n")))
	big := strings.Repeat(strings.Repeat("z", 99)+"\n", 100_000)
	put("topic/z.ndjson", []byte(big))
	put("topics/other.ndjson", []byte("no\n"))
	log, err := s.List(t.Context(), "topic", nil)
	require.NoError(t, err)
	require.Equal(t, []pipeline.Range{{Start: 0, End: 100_007}}, log)
	got, err := readAll(t, s, "topic", pipeline.Range{End: 7})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{`{"x":"1"}`, `{"x":"2"}`, "3", "4", `{"v":"5"}`, `{"v":"6"}`, "7"}, got)
	got, err = readAll(t, s, "topic", pipeline.Range{Start: 90_000, End: 90_010})
	require.NoError(t, err)
	require.Len(t, got, 10)

	put("topic/a.csv", []byte("x\n1\n2\n3\n"))
	_, err = s.List(t.Context(), "topic", nil)
	wantFault(t, err, pipeline.BadData, "s3://arrivals/in/topic/a.csv", "has changed")
	require.NoError(t, st.b.Delete(t.Context(), "topic/a.csv"))
	log, err = s.List(t.Context(), "topic", nil)
	require.NoError(t, err)
	require.Equal(t, int64(100_007), log[len(log)-1].End)

	_, err = s.List(t.Context(), "nothing", nil)
	wantFault(t, err, pipeline.Misconfigured, "source.topic")
	gone := newTestSource(t, t.TempDir(), func(c *Config) { c.Path = server.In("no-such-bucket", "in") })
	_, err = gone.List(t.Context(), "topic", nil)
	wantFault(t, err, pipeline.Misconfigured, "no such bucket", "FILES_PATH")
}
