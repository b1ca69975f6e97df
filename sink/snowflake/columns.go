package snowflake

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// column is one column of a table here.
type column struct {
	name   string // of the field: what Parquet files call it
	sql    string // its type
	family string // what information_schema calls the type
	add    func(*schemas.Stat, any) error
}

// The bookkeeping columns of every table with rows.
const (
	colFile   = "_file"   // the committed file that the row came from
	colCommit = "_commit" // sequence of the commit that put it here
)

// dataColumns are a schema's columns as staged files have them.
func dataColumns(s *schemas.Schema) []column {
	var out []column
	for _, f := range s.Fields {
		c := typed(f.Type)
		c.name = f.Name
		out = append(out, c)
	}
	return append(out,
		column{pipeline.ColPartition, "NUMBER(10,0)", "NUMBER", addInt},
		column{pipeline.ColOffset, "NUMBER(19,0)", "NUMBER", addInt},
		column{pipeline.ColTimestamp, "TIMESTAMP_TZ(6)", "TIMESTAMP_TZ", addTime(time.Microsecond)},
		column{pipeline.ColLate, "BOOLEAN", "BOOLEAN", addBool},
	)
}

func typed(t schemas.Type) column {
	switch t {
	case schemas.Boolean:
		return column{sql: "BOOLEAN", family: "BOOLEAN", add: addBool}
	case schemas.Int:
		return column{sql: "NUMBER(10,0)", family: "NUMBER", add: addInt}
	case schemas.Long:
		return column{sql: "NUMBER(19,0)", family: "NUMBER", add: addInt}
	case schemas.Double:
		return column{sql: "FLOAT", family: "FLOAT", add: addDouble}
	case schemas.Timestamp:
		return column{sql: "TIMESTAMP_TZ(6)", family: "TIMESTAMP_TZ", add: addTime(time.Microsecond)}
	case schemas.Date:
		return column{sql: "DATE", family: "DATE", add: addTime(24 * time.Hour)}
	default: // JSON stays text: a VARIANT would reorder keys and reformat numbers
		return column{sql: "VARCHAR", family: "TEXT", add: addText}
	}
}

// rejectColumns are those of reject files.
var rejectColumns = []column{
	{pipeline.ColPartition, "NUMBER(10,0)", "NUMBER", addInt},
	{pipeline.ColOffset, "NUMBER(19,0)", "NUMBER", addInt},
	{pipeline.ColTimestamp, "TIMESTAMP_TZ(3)", "TIMESTAMP_TZ", addTime(time.Millisecond)},
	{pipeline.ColKey, "BINARY", "BINARY", nil},
	{pipeline.ColRaw, "BINARY", "BINARY", nil},
	{pipeline.ColKind, "VARCHAR", "TEXT", nil},
	{pipeline.ColReasons, "VARCHAR", "TEXT", nil},
	{pipeline.ColSegs, "VARCHAR", "TEXT", nil},
}

// bookkeeping follows the columns of the data.
var bookkeeping = []column{{colFile, "VARCHAR", "TEXT", nil}, {colCommit, "NUMBER(19,0)", "NUMBER", nil}}

// list names columns in SQL.
func list(columns []column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quote(c.name)
	}
	return strings.Join(names, ", ")
}

// declared is the column list of a CREATE TABLE.
func declared(columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = quote(c.name) + " " + c.sql
	}
	return strings.Join(parts, ", ")
}

func addInt(s *schemas.Stat, v any) error {
	switch v := v.(type) {
	case int64:
		s.AddInt(v)
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return fmt.Errorf("value %q is no whole number", v)
		}
		s.AddInt(n)
	default:
		return unexpected(v)
	}
	return nil
}

func addDouble(s *schemas.Stat, v any) error {
	f, ok := v.(float64)
	if !ok {
		return unexpected(v)
	}
	s.AddDouble(f)
	return nil
}

func addBool(s *schemas.Stat, v any) error {
	b, ok := v.(bool)
	if !ok {
		return unexpected(v)
	}
	s.AddBool(b)
	return nil
}

func addText(s *schemas.Stat, v any) error {
	t, ok := v.(string)
	if !ok {
		return unexpected(v)
	}
	s.AddBytes([]byte(t))
	return nil
}

// addTime counts a time in units since 1970.
func addTime(unit time.Duration) func(*schemas.Stat, any) error {
	return func(s *schemas.Stat, v any) error {
		t, ok := v.(time.Time)
		if !ok {
			return unexpected(v)
		}
		if unit >= time.Second {
			s.AddInt(floorDiv(t.Unix(), int64(unit/time.Second)))
			return nil
		}
		perSecond := int64(time.Second / unit)
		s.AddInt(t.Unix()*perSecond + int64(t.Nanosecond())/int64(unit))
		return nil
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func unexpected(v any) error { return fmt.Errorf("a value came back as %T", v) }
