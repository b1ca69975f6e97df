package pytext_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/autonomous-data-pipeline/adp/dq/pytext"
)

func TestCompileSchemaRefuses(t *testing.T) {
	tests := map[string]struct {
		schema any
		says   string
	}{
		"another document":   {map[string]any{"$ref": "https://example.com/s.json"}, "not loaded"},
		"a file":             {map[string]any{"$ref": "file:///etc/passwd"}, "not loaded"},
		"draft 3":            {map[string]any{"$schema": "http://json-schema.org/draft-03/schema#"}, "draft 3"},
		"a missing target":   {map[string]any{"$ref": "#/$defs/none"}, "none"},
		"a NaN":              {map[string]any{"items": []any{map[string]any{"minimum": math.NaN()}}}, "finite"},
		"what JSON can't be": {map[string]any{"const": make(chan int)}, "no part of a JSON schema"},
		"a wrong type":       {map[string]any{"type": "strin"}, "type"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := pytext.CompileSchema(tc.schema)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("CompileSchema = %v, want an error with %q", err, tc.says)
			}
		})
	}
}

func TestCompileSchemaTakesWhatDecodersMake(t *testing.T) {
	schema := map[string]any{
		"minimum": 1, "maximum": int64(9), "exclusiveMaximum": uint64(9), "multipleOf": 0.5, "not": map[string]any{"const": json.Number("2")},
	}
	s, err := pytext.CompileSchema(schema)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"1": true, "0.5": false, "2": false, "2.5": true, "2.3": false, "9": false} {
		if got, err := s.Match(text); err != nil || got != want {
			t.Errorf("Match(%s) = %v, %v, want %v", text, got, err, want)
		}
	}
	if len(schema) != 5 {
		t.Error("the caller's schema was changed")
	}
}

func TestMatchErrorsHavePlaces(t *testing.T) {
	s, err := pytext.CompileSchema(true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Match("[\"é\",\n é]")
	var problem *pytext.JSONError
	if !errors.As(err, &problem) {
		t.Fatalf("Match: %v, want a *JSONError", err)
	}
	if want := (pytext.JSONError{Message: "Expecting value", Line: 2, Column: 2, Char: 7}); *problem != want {
		t.Errorf("Match: %+v, want %+v", *problem, want)
	}
}

func TestJSONHasPythonsLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := map[string]struct {
		text string
		want bool
	}{
		"976 lists deep is read":                    {nested(976), true},
		"977 lists deep is too deep":                {nested(977), false},
		"4300 digits are read":                      {strings.Repeat("9", 4300), true},
		"4301 digits are too many":                  {strings.Repeat("9", 4301), false},
		"a fraction may have any number of them":    {strings.Repeat("9", 4301) + ".5", true},
		"numbers beyond floats are infinite":        {"1e999", true},
		"NaN and the infinities are numbers":        {"[NaN, Infinity, -Infinity]", true},
		"a byte order mark is refused":              {"\ufeff1", false},
		"half a surrogate pair is read":             {`"\ud800"`, true},
		"control characters are refused in strings": {"\"\t\"", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := pytext.JSON(tc.text); got != tc.want {
				t.Errorf("JSON = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestJSONAllocatesNothing(t *testing.T) {
	text := `{"a": [1, 2.5e10, "é\n\u00e9", {"b": null}], "c": true}`
	if n := testing.AllocsPerRun(100, func() { pytext.JSON(text) }); n > 0 {
		t.Errorf("JSON allocates %v times", n)
	}
}
