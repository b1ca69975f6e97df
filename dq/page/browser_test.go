//go:build integration

package page_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/page"
	"github.com/autonomous-data-pipeline/adp/internal/browser"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// customers are columns of every type, as a table of so many rows gives them.
func customers(t testing.TB, rows int) []page.Column {
	t.Helper()
	s := &schemas.Schema{Name: "customers", Fields: []schemas.Field{
		{Name: "id", Type: schemas.String}, {Name: "email", Type: schemas.String}, {Name: "country", Type: schemas.String}, {Name: "age", Type: schemas.Long},
		{Name: "monthly_spend", Type: schemas.Double}, {Name: "active", Type: schemas.Boolean}, {Name: "signup_date", Type: schemas.Date},
		{Name: "event_time", Type: schemas.Timestamp}, {Name: "note_" + strings.Repeat("long_", 20), Type: schemas.String},
	}}
	fields := make([]arrow.Field, len(s.Fields))
	for i, typ := range []arrow.DataType{
		arrow.BinaryTypes.String, arrow.BinaryTypes.String, arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64,
		arrow.FixedWidthTypes.Boolean, arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Timestamp_us, arrow.BinaryTypes.String,
	} {
		fields[i] = arrow.Field{Name: s.Fields[i].Name, Type: typ, Nullable: true}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for i := range rows {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("c-%d", i))
		b.Field(1).(*array.StringBuilder).Append(strings.Repeat("x", 3+r.IntN(20)) + fmt.Sprintf("%d@example.com", i))
		b.Field(2).(*array.StringBuilder).Append([]string{"US", "US", "US", "GB", "GB", "DE", "FR", "IN", "BR", hostile}[r.IntN(10)])
		b.Field(3).(*array.Int64Builder).Append(int64(max(r.NormFloat64()*14+42, 0)))
		b.Field(4).(*array.Float64Builder).Append(r.ExpFloat64() * 80)
		b.Field(5).(*array.BooleanBuilder).Append(r.IntN(4) > 0)
		b.Field(6).(*array.Date32Builder).Append(arrow.Date32(19000 + r.IntN(900)))
		b.Field(7).(*array.TimestampBuilder).Append(arrow.Timestamp(start.Add(time.Duration(i) * time.Second).UnixMicro()))
		b.Field(8).AppendNull()
	}
	record := b.NewRecordBatch()
	defer record.Release()
	sketch := page.NewSketch(s, 5000)
	sketch.Observe(record)
	return sketch.Columns()
}

// A real browser shows the page in both themes and on a phone: nothing is
// fetched, nothing is red, nothing is wider than the window, and axe-core finds
// nothing serious. PAGE_IMAGES names a folder for pictures of it.
func TestPagesInABrowser(t *testing.T) {
	spoilt := golden(t, "golden_COMPLETE.json")
	spoilt.SuiteName = hostile
	for i := range spoilt.Results {
		spoilt.Results[i].Expectation.Notes = []any{hostile, strings.Repeat("long", 200)}
	}
	met := golden(t, "golden_SUMMARY.json")
	met.Success = true
	met.Results = slices.DeleteFunc(met.Results, func(r dq.Result) bool { return !r.Success })
	pages := map[string]struct {
		doc     dq.Document
		columns []page.Column
	}{
		"summary":  {golden(t, "golden_SUMMARY.json"), customers(t, 8000)},
		"complete": {spoilt, customers(t, 12)},
		"edges":    {golden(t, "edges_SUMMARY.json"), nil},
		"boolean":  {golden(t, "golden_BOOLEAN_ONLY.json"), nil},
		"passed":   {met, customers(t, 100)},
		"empty":    {dq.Document{Success: true}, customers(t, 0)},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := pages[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := page.Write(w, p.doc, p.columns, "Quality of customers"); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	b := browser.Start(t, server.URL)
	for name := range pages {
		for look, size := range map[string]struct {
			width int64
			theme string
		}{"": {1280, "light"}, "-dark": {1280, "dark"}, "-phone": {390, "light"}, "-phone-dark": {390, "dark"}} {
			t.Run(name+look, func(t *testing.T) {
				b.Look(size.width, 900, size.theme)
				b.Open(server.URL + "/" + name)
				if dir := os.Getenv("PAGE_IMAGES"); dir != "" {
					b.Shoot(filepath.Join(dir, name+look+".png"), 20_000)
				}
				require.Zero(t, b.Overflow(), "the page is wider than the window")
				require.Empty(t, b.Serious())
				var title string
				b.Eval("document.title", &title)
				require.Equal(t, "Quality of customers", title)
				var fetched int
				b.Eval("performance.getEntriesByType('resource').length", &fetched)
				require.Zero(t, fetched, "the page has fetched something")
				require.Empty(t, b.Faults())
			})
		}
	}
}
