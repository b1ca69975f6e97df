package batch

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

func TestConfigValidate(t *testing.T) {
	tests := map[string]struct {
		cfg  Config
		want []string
	}{
		"the zero value means the defaults": {Config{}, nil},
		"all problems at once": {Config{ChunkRows: -1, ShardRecords: -1, Memory: 1, MaxRecordBytes: 1 << 30},
			[]string{"engine.chunk_rows", "engine.shard_records", "engine.memory", "engine.max_record_bytes"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprint(tc.cfg.Validate())
			for _, key := range tc.want {
				if !strings.Contains(text, key) {
					t.Errorf("Validate = %s, want %s named", text, key)
				}
			}
			if (text == "<nil>") != (tc.want == nil) {
				t.Errorf("Validate = %s", text)
			}
		})
	}
}

func TestRulesCheck(t *testing.T) {
	s := &schemas.Schema{Name: "s", Fields: []schemas.Field{{Name: "at", Type: schemas.Timestamp}, {Name: "text", Type: schemas.String}}}
	tests := map[string]struct {
		rules Rules
		want  []string
	}{
		"all well":                     {Rules{Format: "json", EventTime: "at", Segments: []string{"text"}}, nil},
		"no event time":                {Rules{}, nil},
		"an unknown format":            {Rules{Format: "avro"}, []string{"source.format"}},
		"an event time that isn't one": {Rules{EventTime: "text"}, []string{"schema.event_time"}},
		"an event time that is missing, and a segment too": {Rules{EventTime: "when", Segments: []string{"where"}},
			[]string{"schema.event_time", "quality.segments"}},
		"a segment twice":     {Rules{Segments: []string{"text", "text"}}, []string{"named twice"}},
		"a negative lateness": {Rules{AllowedLateness: -1}, []string{"schema.allowed_lateness"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := tc.rules.check(s)
			if (err == nil) != (tc.want == nil) || err != nil && pipeline.KindOf(err) != pipeline.Misconfigured {
				t.Fatalf("check = %v", err)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("check = %v, want %s named", err, w)
				}
			}
		})
	}
}

// Splitting what is counted, and merging in any order, changes nothing.
func TestBoundedMergesInAnyOrder(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		limit := 1 + r.IntN(20)
		whole := newBounded(limit)
		parts := make([]*bounded, 1+r.IntN(5))
		for i := range parts {
			parts[i] = newBounded(limit)
		}
		exact := map[string]int64{}
		total := int64(0)
		for range r.IntN(2000) {
			name := fmt.Sprint(r.IntN(1 + r.IntN(200)))
			kind := schemas.Observed(1 << r.IntN(7))
			whole.add([]byte(name), 1, kind)
			parts[r.IntN(len(parts))].add([]byte(name), 1, kind)
			exact[name]++
			total++
		}
		whole.trim()
		merged := newBounded(limit)
		for _, i := range r.Perm(len(parts)) {
			parts[i].trim()
			merged.merge(parts[i])
		}
		merged.trim()
		if !reflect.DeepEqual(merged.Names, whole.Names) || merged.Other != whole.Other {
			t.Fatalf("seed %d: merged %v + %d, whole %v + %d", seed, merged.Names, merged.Other, whole.Names, whole.Other)
		}
		lowest := slices.Sorted(maps.Keys(exact))
		lowest = lowest[:min(len(lowest), limit)]
		kept := int64(0)
		for _, n := range lowest {
			if whole.Names[n] == nil || whole.Names[n].Count != exact[n] {
				t.Fatalf("seed %d: %q is counted %v, want %d", seed, n, whole.Names[n], exact[n])
			}
			kept += exact[n]
		}
		if len(whole.Names) != len(lowest) || kept+whole.Other != total {
			t.Fatalf("seed %d: %d names and %d others of %d", seed, len(whole.Names), whole.Other, total)
		}
	}
}

func TestPositionsAgreeWithAMap(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		set, want := dq.NewPositions(), map[dq.Position]bool{}
		span := int64(1) << (4 + r.IntN(40))
		for range r.IntN(500) {
			p := dq.Position{Partition: int32(r.IntN(3)), Offset: r.Int64N(span)}
			set.Add(p.Partition, p.Offset)
			want[p] = true
		}
		got := slices.Collect(set.All())
		ordered := slices.SortedFunc(maps.Keys(want), func(a, b dq.Position) int {
			if a.Partition != b.Partition {
				return int(a.Partition - b.Partition)
			}
			return int(min(1, max(-1, a.Offset-b.Offset)))
		})
		if !slices.Equal(got, ordered) || set.Len() != int64(len(want)) {
			t.Fatalf("seed %d: the set has %d positions, counts %d, want %d in order", seed, len(got), set.Len(), len(want))
		}
		for range 200 {
			p := dq.Position{Partition: int32(r.IntN(3)), Offset: r.Int64N(span)}
			if set.Has(p.Partition, p.Offset) != want[p] {
				t.Fatalf("seed %d: has %v", seed, p)
			}
		}
		for _, p := range ordered {
			if !set.Touches(p.Partition, p.Offset, p.Offset) || !set.Touches(p.Partition, 0, span) {
				t.Fatalf("seed %d: %v isn't touched", seed, p)
			}
		}
		covered := rangesOf(set, r.Int64N(100))
		for i, rg := range covered {
			if i > 0 && covered[i-1].Partition == rg.Partition && covered[i-1].End >= rg.Start {
				t.Fatalf("seed %d: ranges overlap: %v", seed, covered)
			}
		}
		for _, p := range ordered {
			if !slices.ContainsFunc(covered, func(rg pipeline.Range) bool { return rg.Contains(p.Partition, p.Offset) }) {
				t.Fatalf("seed %d: %v is in no range", seed, p)
			}
		}
	}
}

func TestDuplicatesFile(t *testing.T) {
	d := duplicates{0: dq.NewPositions(), 3: dq.NewPositions()}
	clean := dq.NewPositions()
	for i := range int64(5000) {
		d[int(i%2)*3].Add(int32(i%3), i*7)
		if i%5 > 0 {
			clean.Add(int32(i%3), i*7)
		}
	}
	path := filepath.Join(t.TempDir(), "duplicates.bin")
	if err := d.write(realDisk(), path, clean); err != nil {
		t.Fatal(err)
	}
	back, err := readDuplicates(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, set := range d {
		for p := range set.All() {
			if got, want := back[i].Has(p.Partition, p.Offset), clean.Has(p.Partition, p.Offset); got != want {
				t.Fatalf("rule %d %v: read back %v, want %v", i, p, got, want)
			}
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"a flipped bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"another magic":   func(b []byte) []byte { b[0]++; return b },
		"a missing end":   func(b []byte) []byte { return b[:len(b)-1] },
		"a missing entry": func(b []byte) []byte { return b[:len(b)-duplicateBytes] },
		"nothing":         func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad.bin")
			if err := os.WriteFile(bad, damage(slices.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := readDuplicates(bad); pipeline.KindOf(err) != pipeline.Bug {
				t.Errorf("readDuplicates = %v, want a Bug fault", err)
			}
		})
	}
}

func TestDaysAgreeWithPackageTime(t *testing.T) {
	for day := int64(minDay); day <= maxDay; day += 97 {
		text := dayText(day)
		if got, ok := parseDay([]byte(text)); !ok || got != day {
			t.Fatalf("parseDay(%s) = %d, %v, want %d", text, got, ok, day)
		}
		if got := dayOf(day*microsPerDay + microsPerDay - 1); int64(got) != day {
			t.Fatalf("dayOf the end of %s = %d, want %d", text, got, day)
		}
	}
	for _, end := range []int64{minDay, maxDay} {
		if got := time.Unix(end*86400, 0).UTC().Year(); got != 1 && got != 9999 {
			t.Errorf("day %d is in year %d", end, got)
		}
	}
}

func TestLateness(t *testing.T) {
	const huge = int64(1) << 62
	tests := map[string]struct{ kafkaMs, eventUs, want int64 }{
		"at once":                        {1000, 1_000_000, 0},
		"a microsecond early":            {1000, 1_000_001, -1},
		"before the epoch":               {-1000, -2_000_000, 1_000_000},
		"a claimed time beyond all ages": {huge, 0, 1<<62 - 1},
		"a claimed time before them":     {-huge, 0, -(1 << 62)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := lateness(tc.kafkaMs, tc.eventUs); got != tc.want {
				t.Errorf("lateness = %d, want %d", got, tc.want)
			}
		})
	}
}

func TestClip(t *testing.T) {
	for in, want := range map[string]string{"": "", "abc": "abc", "abcd": "abcd", "abcde": "abcd", "abcé": "abc", "日本": "日", "😀x": "😀"} {
		if got := string(clip([]byte(in), 4)); got != want {
			t.Errorf("clip(%q) = %q, want %q", in, got, want)
		}
	}
}

// What a report calls a segment is what a choice by its value finds.
func TestSegmentValues(t *testing.T) {
	tests := map[string]struct{ field, value, want string }{
		"text":             {"text", `"BR"`, "BR"},
		"a boolean":        {"bool", `true`, "true"},
		"an int":           {"int", `-7`, "-7"},
		"a long":           {"long", `9007199254740993`, "9007199254740993"},
		"a double":         {"double", `2.50`, "2.5"},
		"an instant":       {"micros", `"2026-11-23T10:00:00.5+01:00"`, "2026-11-23T09:00:00.5Z"},
		"a day":            {"day", `0`, "1970-01-01"},
		"JSON":             {"json", `[1, 2]`, "[1, 2]"},
		"null":             {"text", `null`, "(null)"},
		"a mistyped value": {"text", `1`, "(null)"},
		"long text is cut": {"text", `"` + strings.Repeat("x", 300) + `"`, strings.Repeat("x", 256)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, ok := decodeOne(t, `{"`+tc.field+`":`+tc.value+`}`)
			if got := string(d.cols[d.index[tc.field]].segment([]byte("="), 1)); !ok || got != "="+tc.want {
				t.Errorf("segment = %q, want %q", got, tc.want)
			}
		})
	}
}
