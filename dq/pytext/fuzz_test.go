package pytext

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"
)

func FuzzStrptime(f *testing.F) {
	for _, c := range readGolden(f).Strptime {
		for text := range c.Texts {
			f.Add(c.Layout, text)
		}
	}
	f.Fuzz(func(t *testing.T, layout, text string) {
		format, err := ParseFormat(layout)
		if err != nil {
			return
		}
		if sample := format.sample(); !format.Match(sample) {
			t.Errorf("%q doesn't read %q, which it wrote", layout, sample)
		}
		if format.Match(text) && len(format.parts) == 0 && text != "" {
			t.Errorf("the empty layout reads %q", text)
		}
	})
}

func FuzzDateutil(f *testing.F) {
	for text := range readGolden(f).Dateutil {
		f.Add(text)
	}
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if DateutilAt(text, day) != DateutilAt("\x00"+text, day) {
			t.Errorf("NULs count in %q", text)
		}
	})
}

// What encoding/json reads, Python reads too, but for what is bounded; and a
// text that is read has values.
func FuzzJSON(f *testing.F) {
	for text := range readGolden(f).JSON {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ok := JSON(text)
		if json.Valid([]byte(text)) && !ok && len(text) < maxDepth {
			t.Errorf("JSON(%q) = false, and it is valid", text)
		}
		sc := scanner{s: text, build: true}
		if _, built := sc.document(); built != ok {
			t.Errorf("values of %q: %v, JSON says %v", text, built, ok)
		}
		if !ok {
			if p := sc.problem(); p.Char > utf8.RuneCountInString(text) {
				t.Errorf("the problem of %q is at %d, beyond its end", text, p.Char)
			}
		}
	})
}

func FuzzSchema(f *testing.F) {
	for _, c := range readGolden(f).Schemas {
		for _, text := range c.Texts {
			f.Add(string(c.Schema), text.Text)
		}
	}
	f.Fuzz(func(t *testing.T, schema, text string) {
		if !json.Valid([]byte(schema)) {
			return
		}
		s, err := CompileSchema(json.RawMessage(schema))
		if err != nil {
			return
		}
		if ok, err := s.Match(text); (err == nil) != JSON(text) || ok && err != nil {
			t.Errorf("Match(%q) = %v, %v, JSON says %v", text, ok, err, JSON(text))
		}
	})
}

func FuzzLike(f *testing.F) {
	f.Add("%a_b%", "", "xaybz")
	f.Add(`100\%`, `\`, "100%")
	f.Fuzz(func(t *testing.T, pattern, escape, text string) {
		l, err := CompileLike(pattern, escape)
		if err != nil {
			return
		}
		everything, err := CompileLike("%"+pattern+"%", escape)
		if err != nil || escape == "%" {
			return
		}
		if l.Match(text) && !everything.Match("<"+text+">") {
			t.Errorf("%q is like %q, but is not found in a longer text", text, pattern)
		}
	})
}
