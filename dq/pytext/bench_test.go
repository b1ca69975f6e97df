package pytext_test

import (
	"testing"

	"github.com/autonomous-data-pipeline/adp/dq/pytext"
)

func BenchmarkFormat(b *testing.B) {
	f, err := pytext.ParseFormat("%Y-%m-%d %H:%M:%S")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f.Match("2024-02-29 23:59:59")
	}
}

func BenchmarkDateutil(b *testing.B) {
	for b.Loop() {
		pytext.Dateutil("2024-02-29T23:59:59.123456+03:00")
	}
}

func BenchmarkJSON(b *testing.B) {
	for b.Loop() {
		pytext.JSON(`{"id": 12, "tags": ["a", "b"], "amount": 12.5, "note": "caf\u00e9"}`)
	}
}

func BenchmarkSchema(b *testing.B) {
	s, err := pytext.CompileSchema(map[string]any{"type": "object", "required": []any{"id"}, "properties": map[string]any{
		"id": map[string]any{"type": "integer", "minimum": 0}, "tags": map[string]any{"items": map[string]any{"type": "string"}}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Match(`{"id": 12, "tags": ["a", "b"], "amount": 12.5, "note": "caf\u00e9"}`); err != nil {
			b.Fatal(err)
		}
	}
}
