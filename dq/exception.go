package dq

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// exception is what Great Expectations raises, while it evaluates, about an
// expectation that doesn't fit the table: it fails, and the others go on.
type exception struct {
	metric  string // that can't be computed
	column  string
	values  Object // the metric's own arguments, ordered by name
	message string
	late    bool // raised when judging, not when measuring: the result keeps its place
}

func missingColumn(name, expectation string) *exception {
	metric := "column_values.nonnull.condition"
	if expectation == "expect_column_values_to_be_null" {
		metric = "column_values.null.condition"
	}
	return &exception{metric: metric, column: name, message: fmt.Sprintf(`Error: The column "%s" in BatchData does not exist.`, name)}
}

// info is the exception as a document shows it: under the metric's identifier.
func (e *exception) info(batchID string) Object {
	if e.late {
		return Object{{"raised_exception", true}, {"exception_traceback", nil}, {"exception_message", e.message}}
	}
	domain := Object{{"batch_id", nil}, {"column", e.column}, {"condition_parser", nil}, {"row_condition", nil}, {"table", nil}}
	if batchID != "" {
		domain[0].Value = batchID
	}
	values := "()"
	if len(e.values) > 0 {
		values = "'" + metricID(e.values) + "'"
	}
	key := fmt.Sprintf("MetricConfigurationID(metric_name='%s', metric_domain_kwargs_id='%s', metric_value_kwargs_id=%s)", e.metric, metricID(domain), values)
	return Object{{key, Object{
		{"exception_traceback", nil}, {"exception_message", e.message}, {"raised_exception", true},
	}}}
}

// metricID is the MD5 sum of the object as Python's json.dumps writes it. It is
// a name that Great Expectations gives, and protects nothing.
func metricID(o Object) string {
	parts := make([]string, len(o))
	for i, f := range o {
		parts[i] = strconv.QuoteToASCII(f.Key) + ": " + pythonJSON(f.Value)
	}
	sum := md5.Sum([]byte("{" + strings.Join(parts, ", ") + "}"))
	return hex.EncodeToString(sum[:])
}

func pythonJSON(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.QuoteToASCII(v)
	case Float:
		return pythonFloat(float64(v))
	}
	return fmt.Sprint(v)
}
