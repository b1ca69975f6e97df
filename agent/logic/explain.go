package logic

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
)

// explain makes a line of each problem, with its place in the text and, for a
// name that is wrong, the nearest right one.
func explain(issues *cel.Issues) error {
	var errs []error
	for _, e := range issues.Errors() {
		line := strings.Join(strings.Fields(e.Message), " ")
		errs = append(errs, fmt.Errorf("at %d:%d: %s%s", e.Location.Line(), e.Location.Column()+1, line, hint(line)))
	}
	return errors.Join(errs...)
}

// unknown finds the name in CEL's messages, which carry no kind. Only a hint
// hangs on it.
var unknown = regexp.MustCompile(`undefined field '([^']+)'|undeclared reference to '([^']+)'`)

func hint(message string) string {
	m := unknown.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	if m[1] == "" {
		return "; the fields are below facts, like facts.records.read"
	}
	return fmt.Sprintf("; did you mean %q?", nearest(m[1], fieldNames(reflect.TypeFor[Facts](), nil)))
}

// fieldNames are the names of all fields at any depth.
func fieldNames(t reflect.Type, names []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() == "time" {
		return names
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
		names = fieldNames(f.Type, names)
	}
	return names
}

// nearest is the name that takes the fewest changes of a letter.
func nearest(name string, names []string) string {
	return slices.MinFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
