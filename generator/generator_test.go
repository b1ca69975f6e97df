package generator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

var update = flag.Bool("update", false, "write golden files")

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func base(n int64) generator.Config { return generator.Config{Seed: 42, Count: n, Start: start} }

// counts are what a reader that knows the schema finds in events.
type counts struct {
	Malformed, Extra, AgeText, NoEmail, Late, Bad, Repeated int64
	Bytes                                                   int64
	Countries, BadIn                                        map[string]int64
}

var email = regexp.MustCompile(`^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$`)

// count decodes with the standard library, and knows nothing of how events are
// made.
func count(t *testing.T, c generator.Config) counts {
	t.Helper()
	schema, err := os.ReadFile("../schemas/customers.avsc")
	if err != nil {
		t.Fatal(err)
	}
	declared, err := schemas.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	n := counts{Countries: map[string]int64{}, BadIn: map[string]int64{}}
	seen := map[string]bool{}
	previous := time.Time{}
	for e := range c.Events() {
		n.Bytes += int64(len(e.Value))
		if e.Timestamp.Before(previous) || e.Timestamp.Nanosecond()%int(time.Millisecond) != 0 {
			t.Fatalf("timestamp %v after %v", e.Timestamp, previous)
		}
		previous = e.Timestamp
		var v map[string]any
		if !utf8.Valid(e.Value) || json.Unmarshal(e.Value, &v) != nil {
			n.Malformed++
			continue
		}
		n.record(t, declared, v, e)
		if id := v["id"].(string); seen[id] {
			n.Repeated++
		} else {
			seen[id] = true
		}
	}
	return n
}

func (n *counts) record(t *testing.T, declared *schemas.Schema, v map[string]any, e generator.Event) {
	t.Helper()
	for name := range v {
		if declared.Index(name) < 0 {
			n.Extra++
		}
	}
	if fmt.Sprint(int64(v["customer_id"].(float64))) != string(e.Key) {
		t.Errorf("key %q of customer %v", e.Key, v["customer_id"])
	}
	bad := !slices.Contains([]string{"free", "basic", "pro", "enterprise"}, v["plan"].(string)) || v["monthly_spend"].(float64) < 0
	switch age := v["age"].(type) {
	case string:
		n.AgeText++
	case float64:
		bad = bad || age < 0 || age > 120
	}
	if address, ok := v["email"].(string); !ok {
		n.NoEmail++
	} else {
		bad = bad || !email.MatchString(address)
	}
	country := v["country"].(string)
	n.Countries[country]++
	if bad {
		n.Bad++
		n.BadIn[country]++
	}
	at, err := time.Parse(time.RFC3339Nano, v["event_time"].(string))
	if err != nil {
		t.Fatal(err)
	}
	switch lateness := e.Timestamp.Sub(at); {
	case lateness >= time.Hour && lateness <= 6*time.Hour:
		n.Late++
	case lateness < 0 || lateness > 5*time.Second:
		t.Errorf("lateness %s", lateness)
	}
	if _, err := time.Parse(time.DateOnly, v["signup_date"].(string)); err != nil {
		t.Error(err)
	}
}

func TestPresetsHitExactlyTheirShare(t *testing.T) {
	const n = 5000
	wants := map[string]func(*counts){
		"healthy":        func(*counts) {},
		"additive-drift": func(c *counts) { c.Extra = 100 },
		"type-drift":     func(c *counts) { c.AgeText = 1500 },
		"missing-field":  func(c *counts) { c.NoEmail = 500 },
		"late-minor":     func(c *counts) { c.Late = 400 },
		"late-major":     func(c *counts) { c.Late = 1100 },
		"bad-minor":      func(c *counts) { c.Bad = 100 },
		"bad-localized":  func(c *counts) { c.Bad = 200 },
		"bad-major":      func(c *counts) { c.Bad = 450 },
		"malformed":      func(c *counts) { c.Malformed = 50 },
	}
	for _, p := range generator.Presets() {
		t.Run(p.Name, func(t *testing.T) {
			c := base(n)
			p.Apply(&c)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			fill, ok := wants[p.Name]
			if !ok {
				t.Fatal("this preset has no test")
			}
			delete(wants, p.Name)
			var want counts
			fill(&want)
			got := count(t, c)
			if p.Name == "bad-localized" && (len(got.BadIn) != 1 || got.BadIn["BR"] != 200) {
				t.Errorf("bad events in %v, want 200 in BR alone", got.BadIn)
			}
			if p.Name == "bad-major" && len(got.BadIn) != len(generator.Countries) {
				t.Errorf("bad events in %v, want them everywhere", got.BadIn)
			}
			if size := float64(got.Bytes) / n; size < 240 || size > 300 {
				t.Errorf("a value has %.1f bytes on average, want 240 to 300", size)
			}
			for _, country := range generator.Countries {
				if p.Name != "malformed" && got.Countries[country] != n/10 {
					t.Errorf("%d events of %s, want %d", got.Countries[country], country, n/10)
				}
			}
			got.Bytes, got.Countries, got.BadIn = 0, nil, nil
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("found %+v, want %+v", got, want)
			}
		})
	}
	for name := range wants {
		t.Errorf("there is no preset %q", name)
	}
}

// Whatever the shares, each hits round(s*n) events, and no event twice.
func TestAnyMixtureHitsExactNumbers(t *testing.T) {
	for _, n := range []int64{1, 7, 10, 999, 1000, 4097} {
		for seed := range uint64(4) {
			c := base(n)
			c.Seed = seed
			c.AdditiveShare, c.TypeShare, c.MissingShare, c.LateShare = 0.11, 0.07, 0.03, 0.2
			c.BadShare, c.MalformedShare, c.DuplicateShare = 0.05, 0.01, 0.04
			round := func(s float64) int64 { return int64(s*float64(n) + 0.5) }
			want := counts{
				Extra: round(0.11), AgeText: round(0.07), NoEmail: round(0.03), Late: round(0.2),
				Bad: round(0.05), Malformed: round(0.01), Repeated: round(0.04),
			}
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			got := count(t, c)
			got.Bytes, got.Countries, got.BadIn = 0, nil, nil
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("seed %d: of %d events found %+v, want %+v", seed, n, got, want)
			}
		}
	}
}

func TestEveryKindOfMalformedValueComes(t *testing.T) {
	c := base(400)
	c.MalformedShare = 1
	var cut, garbage, encoding, trailing int
	for e := range c.Events() {
		switch {
		case e.Value[0] != '{':
			garbage++
		case !utf8.Valid(e.Value):
			encoding++
		case bytes.Contains(e.Value, []byte(`}{`)):
			trailing++
		default:
			cut++
			if json.Valid(e.Value) {
				t.Errorf("%s is whole", e.Value)
			}
		}
	}
	if cut != 100 || garbage != 100 || encoding != 100 || trailing != 100 {
		t.Errorf("%d cut off, %d garbage, %d not UTF-8, %d with more behind; want 100 each", cut, garbage, encoding, trailing)
	}
}

func TestAdditiveFieldIsTextAndNull(t *testing.T) {
	c := base(200)
	c.AdditiveShare, c.AdditiveField = 1, "segment"
	kinds := map[string]int{}
	for e := range c.Events() {
		var v map[string]any
		if err := json.Unmarshal(e.Value, &v); err != nil {
			t.Fatal(err)
		}
		value, ok := v["segment"]
		if !ok {
			t.Fatalf("%s lacks the field", e.Value)
		}
		kinds[fmt.Sprintf("%T", value)]++
	}
	if len(kinds) != 2 || kinds["string"] < 100 || kinds["<nil>"] < 10 {
		t.Errorf("values are of %v, want mostly text, and null at times", kinds)
	}
}

// hash is a fingerprint of everything about the events.
func hash(c generator.Config) string {
	h := sha256.New()
	for e := range c.Events() {
		_, _ = fmt.Fprintf(h, "%d %s %s\n", e.Timestamp.UnixMilli(), e.Key, e.Value)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A change of the golden file changes what every scenario of the demo plays.
func TestSameSeedSameBytes(t *testing.T) {
	const golden = "testdata/presets.sha256"
	var got strings.Builder
	for _, p := range generator.Presets() {
		c := base(1000)
		p.Apply(&c)
		first, again := hash(c), hash(c)
		if first != again {
			t.Errorf("%s: two runs differ", p.Name)
		}
		fmt.Fprintf(&got, "%s  %s\n", first, p.Name)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("events changed; if that is meant, run with -update. Got:\n%s", got.String())
	}
}

func TestOtherSeedOtherEvents(t *testing.T) {
	ids := map[string]bool{}
	for seed := range uint64(5) {
		c := base(100)
		c.Seed = seed
		for e := range c.Events() {
			ids[string(e.Value[:44])] = true
		}
	}
	if len(ids) != 500 {
		t.Errorf("%d ids of 500 events are unique", len(ids))
	}
}

func TestTimestampsFollowStartAndRate(t *testing.T) {
	c := base(5)
	c.Rate = 2
	i := 0
	for e := range c.Events() {
		if want := start.Add(time.Duration(i) * 500 * time.Millisecond); !e.Timestamp.Equal(want) {
			t.Errorf("event %d at %s, want %s", i, e.Timestamp, want)
		}
		i++
	}
}

func TestEventsCanBeLeftEarly(t *testing.T) {
	n := 0
	for range base(1 << 40).Events() {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("%d events", n)
	}
}

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*generator.Config)
		want   []string
	}{
		"the least that is needed":           {func(*generator.Config) {}, nil},
		"no events is fine":                  {func(c *generator.Config) { c.Count = 0 }, nil},
		"a negative number is not":           {func(c *generator.Config) { c.Count = -1 }, []string{"count"}},
		"no start":                           {func(c *generator.Config) { c.Start = time.Time{} }, []string{"start"}},
		"a negative rate":                    {func(c *generator.Config) { c.Rate = -1 }, []string{"rate"}},
		"a share above 1":                    {func(c *generator.Config) { c.LateShare = 1.1 }, []string{"late_share"}},
		"a negative share":                   {func(c *generator.Config) { c.BadShare = -0.1 }, []string{"bad_share"}},
		"shares above 1 together":            {func(c *generator.Config) { c.LateShare, c.BadShare = 0.6, 0.6 }, []string{"count"}},
		"nothing left to repeat":             {func(c *generator.Config) { c.DuplicateShare = 0.6 }, []string{"count"}},
		"half of the events repeat the rest": {func(c *generator.Config) { c.DuplicateShare = 0.5 }, nil},
		"lateness that ends before it began": {func(c *generator.Config) { c.LateMin, c.LateMax = 2*time.Hour, time.Hour }, []string{"late_min"}},
		"an unknown country":                 {func(c *generator.Config) { c.BadCountry, c.BadCountryShare = "XX", 0.1 }, []string{"bad_country"}},
		"a field that the schema has":        {func(c *generator.Config) { c.AdditiveField = "email" }, []string{"additive_field"}},
		"an unknown schema":                  {func(c *generator.Config) { c.Dataset = "parcel" }, []string{"dataset"}},
		"everything at once":                 {func(c *generator.Config) { *c = generator.Config{Count: -1, Rate: -1, LateShare: 2} }, []string{"count", "start", "rate", "late_share"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := base(100)
			tc.change(&c)
			err := c.Validate()
			if (err != nil) != (len(tc.want) > 0) {
				t.Fatalf("Validate = %v", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), "generator."+part) {
					t.Errorf("%q is missing from %q", part, err)
				}
			}
			if err != nil && pipeline.KindOf(err) != pipeline.Misconfigured {
				t.Errorf("kind %s", pipeline.KindOf(err))
			}
		})
	}
}
