package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// rec is a record to encode. Its offset is relative to the batch's first.
type rec struct {
	delta      int64
	key, value []byte
	timeDelta  int64
	headers    int
}

// encode builds an uncompressed batch that covers offsets first to last.
func encode(first, last int64, attributes uint16, producer int64, records ...rec) frame {
	b := make([]byte, atRecords)
	binary.BigEndian.PutUint64(b, uint64(first))
	b[atMagic] = formatOfFrames
	binary.BigEndian.PutUint16(b[atAttributes:], attributes)
	binary.BigEndian.PutUint32(b[atLastDelta:], uint32(last-first))
	binary.BigEndian.PutUint64(b[atBaseTime:], 1_000_000)
	binary.BigEndian.PutUint64(b[atMaxTime:], 2_000_000)
	binary.BigEndian.PutUint64(b[atProducer:], uint64(producer))
	binary.BigEndian.PutUint32(b[atCount:], uint32(len(records)))
	for _, r := range records {
		body := []byte{0}
		body = binary.AppendVarint(body, r.timeDelta)
		body = binary.AppendVarint(body, r.delta)
		body = field(field(body, r.key), r.value)
		body = binary.AppendVarint(body, int64(r.headers))
		for range r.headers {
			body = field(field(body, []byte("name")), nil)
		}
		b = append(binary.AppendVarint(b, int64(len(body))), body...)
	}
	return seal(b)
}

func field(b, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(b, -1)
	}
	return append(binary.AppendVarint(b, int64(len(v))), v...)
}

// seal sets length and checksum.
func seal(b []byte) frame {
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atLength-4))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
	return b
}

func three() []rec {
	return []rec{{0, []byte("k"), []byte("v"), 5, 2}, {1, nil, []byte{}, 0, 0}, {4, []byte{}, nil, -7, 0}}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		attributes uint16
		from, end  int64
		want       string
	}{
		"a batch gives its records":                 {0, 0, 100, `10@1000005 "k" "v"; 11@1000000 <nil> ""; 14@999993 "" <nil>`},
		"records below from are left out":           {0, 11, 100, `11@1000000 <nil> ""; 14@999993 "" <nil>`},
		"end is not in the range":                   {0, 0, 14, `10@1000005 "k" "v"; 11@1000000 <nil> ""`},
		"the broker's clock counts if the bit says": {logAppendTime, 0, 12, `10@2000000 "k" "v"; 11@2000000 <nil> ""`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := newDecoder(3).decode(encode(10, 14, tc.attributes, -1, three()...), tc.from, tc.end)
			if err != nil || render(got) != tc.want {
				t.Errorf("decode = %s, %v, want %s", render(got), err, tc.want)
			}
		})
	}
}

func render(records []source.Record) string {
	text := func(b []byte) string {
		if b == nil {
			return "<nil>"
		}
		return fmt.Sprintf("%q", b)
	}
	var parts []string
	for _, r := range records {
		parts = append(parts, fmt.Sprintf("%d@%d %s %s", r.Offset, r.TimestampMs, text(r.Key), text(r.Value)))
	}
	return strings.Join(parts, "; ")
}

func TestDamagedBatchesAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		damage func(frame) frame
		kind   pipeline.Kind
	}{
		"a flipped bit in a value":        {func(f frame) frame { f[len(f)-9] ^= 1; return f }, pipeline.Transient},
		"a flipped bit in the checksum":   {func(f frame) frame { f[atCRC] ^= 1; return f }, pipeline.Transient},
		"fewer records than claimed":      {func(f frame) frame { f[atCount+3] = 4; return seal(f) }, pipeline.BadData},
		"more records than claimed":       {func(f frame) frame { f[atCount+3] = 2; return seal(f) }, pipeline.BadData},
		"records claimed without a byte":  {func(f frame) frame { return seal(f[:atRecords]) }, pipeline.BadData},
		"a negative number of records":    {func(f frame) frame { f[atCount] = 0xff; return seal(f) }, pipeline.BadData},
		"a record cut off":                {func(f frame) frame { return seal(f[:len(f)-1]) }, pipeline.BadData},
		"bytes behind the last record":    {func(f frame) frame { return seal(append(f, 0)) }, pipeline.BadData},
		"offsets beyond the batch's last": {func(f frame) frame { f[atLastDelta+3] = 3; return seal(f) }, pipeline.BadData},
		"a codec that doesn't exist":      {func(f frame) frame { f[atAttributes+1] = 7; return seal(f) }, pipeline.BadData},
		"no such compression in it":       {func(f frame) frame { f[atAttributes+1] = 4; return seal(f) }, pipeline.BadData},
		"offsets that don't grow":         {func(frame) frame { return encode(10, 14, 0, -1, rec{delta: 2}, rec{delta: 2}) }, pipeline.BadData},
		"an offset before the first":      {func(frame) frame { return encode(10, 14, 0, -1, rec{delta: -1}) }, pipeline.BadData},
		"more headers than bytes":         {func(frame) frame { return headerBomb() }, pipeline.BadData},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := tc.damage(encode(10, 14, 0, -1, three()...))
			d := newReader(ReadCommitted, pipeline.Range{Start: 0, End: 100})
			err := d.one(answer{batches: f}, func(got []source.Record) error {
				t.Errorf("delivered %s", render(got))
				return nil
			})
			if err == nil || pipeline.KindOf(err) != tc.kind || !strings.Contains(err.Error(), "offsets 10 to 1") {
				t.Errorf("error %v of kind %s, want kind %s", err, pipeline.KindOf(err), tc.kind)
			}
		})
	}
}

// headerBomb claims more headers than anybody could loop over.
func headerBomb() frame {
	f := encode(10, 14, 0, -1)
	f[atCount+3] = 1
	body := binary.AppendVarint([]byte{0, 0, 0, 1, 1}, 1<<62)
	return seal(append(binary.AppendVarint(f, int64(len(body))), body...))
}

func TestCut(t *testing.T) {
	t.Parallel()
	whole := encode(10, 14, 0, -1, three()...)
	old := bytes.Clone(whole)
	old[atMagic] = 1
	unknown := bytes.Clone(whole)
	unknown[atMagic] = 3
	short := bytes.Clone(whole)
	binary.BigEndian.PutUint32(short[atLength:], 5)
	negative := bytes.Clone(whole)
	binary.BigEndian.PutUint32(negative[atLength:], 1<<31+7)
	backwards := bytes.Clone(whole)
	backwards[atLastDelta] = 0x80
	tests := map[string]struct {
		in   []byte
		n    int // bytes cut off; 0 if there is no whole batch
		fail bool
	}{
		"nothing":                   {nil, 0, false},
		"a whole batch":             {whole, len(whole), false},
		"a batch and the next":      {slices.Concat(whole, whole), len(whole), false},
		"a batch that was cut off":  {whole[:len(whole)-1], 0, false},
		"a header that was cut off": {whole[:20], 0, false},
		"the old format":            {old, 0, true},
		"a format of the future":    {unknown, 0, true},
		"shorter than its header":   {short, 0, true},
		"a negative length":         {negative, 0, true},
		"an end before its start":   {backwards, 0, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f, rest, err := cut(tc.in)
			if len(f) != tc.n || (err != nil) != tc.fail || (tc.n > 0 && len(rest) != len(tc.in)-tc.n) {
				t.Errorf("cut = %d bytes, %d left, %v", len(f), len(rest), err)
			}
		})
	}
}

// marker encodes the end of a transaction.
func marker(offset, producer int64, commits byte) frame {
	return encode(offset, offset, control|transactional, producer, rec{key: []byte{0, 0, 0, commits}})
}

func TestFilter(t *testing.T) {
	t.Parallel()
	data := func(offset, producer int64, attributes uint16) frame {
		return encode(offset, offset, attributes, producer, rec{value: []byte("v")})
	}
	aborted := func(pairs ...int64) (out []kmsg.FetchResponseTopicPartitionAbortedTransaction) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: pairs[i], FirstOffset: pairs[i+1]})
		}
		return out
	}
	tests := map[string]struct {
		frames  []frame
		aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction
		want    []int64
	}{
		"markers are no records": {[]frame{data(0, 1, transactional), marker(1, 1, 1)}, nil, []int64{0}},
		"an aborted transaction is left out": {
			[]frame{data(0, 1, transactional), data(1, 2, transactional), marker(2, 1, 0), marker(3, 2, 1)}, aborted(1, 0), []int64{1}},
		"one producer commits, aborts and commits": {
			[]frame{data(0, 1, transactional), marker(1, 1, 1), data(2, 1, transactional), marker(3, 1, 0), data(4, 1, transactional), marker(5, 1, 1)},
			aborted(1, 2), []int64{0, 4}},
		"two aborted ones, listed in any order": {
			[]frame{data(0, 1, transactional), marker(1, 1, 0), data(2, 1, transactional), marker(3, 1, 1), data(4, 1, transactional), marker(5, 1, 0)},
			aborted(1, 4, 1, 0), []int64{2}},
		"records outside of transactions stay": {
			[]frame{data(0, 1, transactional), data(1, 1, 0), marker(2, 1, 0)}, aborted(1, 0), []int64{1}},
		"a fetch that begins inside of an aborted transaction": {
			[]frame{data(5, 1, transactional), marker(6, 1, 0), data(7, 1, transactional)}, aborted(1, 2), []int64{7}},
		"the marker lies beyond what can be read": {
			[]frame{data(0, 1, transactional), data(1, 2, transactional)}, aborted(1, 0), []int64{1}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got []int64
			d := newReader(ReadCommitted, pipeline.Range{End: 100})
			err := d.one(answer{batches: bytes.Join(asBytes(tc.frames), nil), aborted: tc.aborted}, func(records []source.Record) error {
				for _, r := range records {
					got = append(got, r.Offset)
				}
				return nil
			})
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("offsets %v, error %v, want %v", got, err, tc.want)
			}
		})
	}
}

func asBytes(frames []frame) [][]byte {
	var out [][]byte
	for _, f := range frames {
		out = append(out, f)
	}
	return out
}

func TestRecordsNeverComeTwice(t *testing.T) {
	t.Parallel()
	f := encode(10, 14, 0, -1, three()...)
	var got []source.Record
	d := newReader(ReadCommitted, pipeline.Range{Start: 11, End: 100})
	for range 2 { // as a broker sends it that was asked for the middle of a batch, twice
		err := d.one(answer{batches: slices.Concat(f, f)}, func(records []source.Record) error {
			got = append(got, records...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if render(got) != `11@1000000 <nil> ""; 14@999993 "" <nil>` {
		t.Errorf("got %s", render(got))
	}
}

// FuzzDecode: whatever a broker sends, nothing panics, and what is accepted is
// what franz-go's own consumer makes of it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(encode(10, 14, 0, -1, three()...)), int64(0), false)
	f.Add(slices.Concat[[]byte]([]byte(encode(10, 14, transactional, 1, three()...)), marker(15, 1, 0), encode(16, 16, 0, -1, rec{})), int64(11), true)
	f.Add([]byte(headerBomb()), int64(10), false)
	for _, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		f.Add([]byte(compressed(f, codec)), int64(10), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, from int64, abort bool) {
		reseal(data)
		var aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction
		if abort {
			aborted = append(aborted, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: 1, FirstOffset: 10})
		}
		var got []source.Record
		d := newReader(ReadCommitted, pipeline.Range{Start: from, End: math.MaxInt64})
		err := d.one(answer{batches: bytes.Clone(data), aborted: aborted}, func(records []source.Record) error {
			for _, r := range records {
				r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
				got = append(got, r)
			}
			return nil
		})
		if err != nil || from < 0 {
			return // refused
		}
		want, peerErr := peer(data, from, aborted)
		if peerErr != nil && abort {
			return // it takes aborted batches apart, too
		}
		if peerErr != nil {
			t.Fatalf("accepted %s, franz-go says %v", render(got), peerErr)
		}
		for i := range min(len(got), len(want)) {
			if got[i].TimestampMs != time.UnixMilli(got[i].TimestampMs).UnixNano()/1e6 {
				want[i].TimestampMs = got[i].TimestampMs // franz-go keeps nanoseconds, which overflow after the year 2262
			}
		}
		if render(got) != render(want) {
			t.Fatalf("got %s\nfranz-go %s", render(got), render(want))
		}
	})
}

// reseal makes the checksums right, or a fuzzer would never get beyond them.
func reseal(data []byte) {
	for {
		f, rest, err := cut(data)
		if err != nil || f == nil {
			return
		}
		seal(f)
		data = rest
	}
}

// peer is franz-go's own reading.
func peer(data []byte, from int64, aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction) ([]source.Record, error) {
	p := kmsg.NewFetchResponseTopicPartition()
	p.RecordBatches, p.AbortedTransactions = data, aborted
	fp, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, IsolationLevel: kgo.ReadCommitted()}, &p, kgo.DefaultDecompressor(), nil)
	var out []source.Record
	for _, r := range fp.Records {
		if len(out) > 0 && r.Offset <= out[len(out)-1].Offset {
			return out, errors.New("offsets don't grow")
		}
		out = append(out, source.Record{Offset: r.Offset, TimestampMs: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value})
	}
	return out, fp.Err
}

// compressed is a batch as franz-go's producer would compress it.
func compressed(t testing.TB, codec kgo.CompressionCodec) frame {
	t.Helper()
	c, err := kgo.DefaultCompressor(codec)
	if err != nil {
		t.Fatal(err)
	}
	plain := encode(10, 14, 0, -1, three()...)
	packed, kind := c.Compress(new(bytes.Buffer), plain[atRecords:])
	f := append(bytes.Clone(plain[:atRecords]), packed...)
	f[atAttributes+1] |= byte(kind)
	return seal(f)
}

func TestCompressedBatchesDecode(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			f := compressed(t, codec)
			if f.codec() == 0 {
				t.Fatal("the batch is not compressed")
			}
			got, err := newDecoder(0).decode(f, 0, 100)
			if err != nil || render(got) != `10@1000005 "k" "v"; 11@1000000 <nil> ""; 14@999993 "" <nil>` {
				t.Errorf("decode = %s, %v", render(got), err)
			}
		})
	}
}
