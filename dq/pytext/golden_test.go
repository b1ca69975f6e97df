package pytext

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// golden is what testdata/golden.py had Python say.
type golden struct {
	Python     string   `json:"python"`
	Today      string   `json:"today"`
	BadLayouts []string `json:"bad_layouts"`
	Strptime   []struct {
		Layout string          `json:"layout"`
		Texts  map[string]bool `json:"texts"`
	} `json:"strptime"`
	Dateutil   map[string]bool    `json:"dateutil"`
	JSON       map[string]*string `json:"json"`
	BadSchemas []json.RawMessage  `json:"bad_schemas"`
	Schemas    []schemaCase       `json:"schemas"`
}

type schemaCase struct {
	Schema json.RawMessage `json:"schema"`
	Texts  []struct {
		Text  string `json:"text"`
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	} `json:"texts"`
}

func readGolden(t testing.TB) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	return decodeGolden(t, b)
}

func decodeGolden(t testing.TB, b []byte) golden {
	t.Helper()
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// words says whether this Python words its messages as 3.11 does; 3.13 and
// later say more about commas.
func (g golden) words() bool {
	return strings.HasPrefix(g.Python, "3.11.") || strings.HasPrefix(g.Python, "3.12.")
}

// short cuts a text for a message.
func short(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

func TestStrptimeReadsWhatPythonReads(t *testing.T) { strptimeReadsWhatPythonReads(t, readGolden(t)) }

func strptimeReadsWhatPythonReads(t *testing.T, g golden) {
	for _, c := range g.Strptime {
		f, err := ParseFormat(c.Layout)
		if err != nil {
			t.Errorf("ParseFormat(%q): %v, but Python takes it", c.Layout, err)
			continue
		}
		for text, want := range c.Texts {
			if got := f.Match(text); got != want {
				t.Errorf("strptime(%q, %q): Match = %v, Python says %v", text, c.Layout, got, want)
			}
		}
	}
}

func TestLayoutsThatPythonRefusesAreRefused(t *testing.T) {
	layoutsThatPythonRefusesAreRefused(t, readGolden(t))
}

func layoutsThatPythonRefusesAreRefused(t *testing.T, g golden) {
	for _, layout := range g.BadLayouts {
		if _, err := ParseFormat(layout); err == nil {
			t.Errorf("ParseFormat(%q) takes what Python refuses", layout)
		} else if !strings.Contains(err.Error(), "strftime format") {
			t.Errorf("ParseFormat(%q): %q doesn't say what was attempted", layout, err)
		}
	}
}

func TestDateutilReadsWhatPythonReads(t *testing.T) { dateutilReadsWhatPythonReads(t, readGolden(t)) }

func dateutilReadsWhatPythonReads(t *testing.T, g golden) {
	today, err := time.Parse(time.DateOnly, g.Today)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range g.Dateutil {
		if got := DateutilAt(text, today); got != want {
			t.Errorf("DateutilAt(%q) = %v, Python says %v", text, got, want)
		}
	}
}

func TestJSONReadsWhatPythonReads(t *testing.T) { jsonReadsWhatPythonReads(t, readGolden(t)) }

func jsonReadsWhatPythonReads(t *testing.T, g golden) {
	for text, message := range g.JSON {
		if got := JSON(text); got != (message == nil) {
			t.Errorf("JSON(%q) = %v, Python says %v", short(text), got, message == nil)
		}
	}
}

func TestJSONErrorsAreWordedAsInPython(t *testing.T) { jsonErrorsAreWordedAsInPython(t, readGolden(t)) }

func jsonErrorsAreWordedAsInPython(t *testing.T, g golden) {
	anything, err := CompileSchema(true)
	if err != nil {
		t.Fatal(err)
	}
	for text, message := range g.JSON {
		_, err := anything.Match(text)
		switch {
		case message == nil && err != nil:
			t.Errorf("Match(%q): %v, but Python reads it", short(text), err)
		case message != nil && (err == nil || err.Error() != *message):
			t.Errorf("Match(%q): %v, Python says %s", short(text), err, *message)
		}
	}
}

func TestSchemasDecideAsInPython(t *testing.T) { schemasDecideAsInPython(t, readGolden(t)) }

func schemasDecideAsInPython(t *testing.T, g golden) {
	for _, c := range g.Schemas {
		s, err := CompileSchema(c.Schema)
		if err != nil {
			t.Errorf("CompileSchema(%s): %v, but Python takes it", c.Schema, err)
			continue
		}
		for _, text := range c.Texts {
			ok, err := s.Match(text.Text)
			message := ""
			if err != nil {
				message = err.Error()
			}
			same := message == text.Error || !g.words() && message != "" && text.Error != ""
			if ok != text.OK || !same {
				t.Errorf("%s: Match(%s) = %v, %q, Python says %v, %q", c.Schema, text.Text, ok, message, text.OK, text.Error)
			}
		}
	}
}

func TestSchemasThatPythonRefusesAreRefused(t *testing.T) {
	schemasThatPythonRefusesAreRefused(t, readGolden(t))
}

func schemasThatPythonRefusesAreRefused(t *testing.T, g golden) {
	for _, schema := range g.BadSchemas {
		if _, err := CompileSchema(schema); err == nil {
			t.Errorf("CompileSchema(%s) takes what Python refuses", schema)
		}
	}
}
