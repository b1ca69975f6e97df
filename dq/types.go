package dq

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

func init() {
	register("expect_column_values_to_be_of_type", kind{domain: ofColumn, row: true, args: []string{"type_"}, build: ofType})
	register("expect_column_values_to_be_in_type_list", kind{domain: ofColumn, row: true, args: []string{"type_list"}, build: inTypeList})
	register("expect_column_type_to_be", kind{domain: ofColumn, whole: true, args: []string{"type_"}, build: typeIs})
}

// pandasType is how pandas names a column's type, and what Great Expectations
// takes for it.
type pandasType struct {
	dtype  string   // its full name
	scalar string   // its values'
	names  []string // that mean its values' type
	dtypes []string // that mean the type itself
	listed bool     // it can be found in a type_list: extension types can't
}

var pandasTypes = map[schemas.Type]pandasType{
	schemas.Boolean:   {"bool", "bool", []string{"bool", "bool_", "?"}, []string{"bool", "bool_", "?"}, true},
	schemas.Int:       {"int32", "int32", []string{"int32", "i4", "i", "intc", "<i4"}, []string{"int32", "i4", "i", "intc", "<i4"}, true},
	schemas.Long:      {"int64", "int64", []string{"int64", "int", "long", "int_", "intp", "i8", "l", "<i8"}, []string{"int64", "int", "long", "int_", "intp", "i8", "l", "<i8"}, true},
	schemas.Double:    {"float64", "float64", []string{"float64", "float", "double", "f8", "d", "<f8"}, []string{"float64", "float", "double", "f8", "d", "<f8"}, true},
	schemas.String:    {"str", "str", []string{"str", "string_types"}, []string{"str"}, false},
	schemas.JSON:      {"str", "str", []string{"str", "string_types"}, []string{"str"}, false},
	schemas.Timestamp: {"datetime64[us, UTC]", "Timestamp", []string{"Timestamp"}, []string{"datetime64[us, UTC]", "datetime64[us,UTC]"}, false},
	schemas.Date:      {"object", "object", []string{"object", "object_", "O", "date"}, []string{"object", "object_", "O"}, false},
}

func (p pandasType) means(name string) bool {
	lower := strings.ToLower(name) // native types are known in any case
	return slices.Contains(p.names, name) || slices.Contains([]string{"str", "string_types"}, lower) && slices.Contains(p.names, lower)
}

// knownTypes are the names that some column's type has.
func knownTypes() []string {
	var names []string
	for _, p := range pandasTypes {
		names = append(append(names, p.names...), p.dtypes...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (a *args) typeName(name string) {
	if known := knownTypes(); !slices.Contains(known, name) {
		a.doubt("type %q is none that a column here has (%s)%s", name, strings.Join(known, ", "), nearest(name, known))
	}
}

func ofType(a *args) check {
	name := a.text("type_")
	a.typeName(name)
	return columnType("must be of type "+name, func(p pandasType) bool { return p.means(name) })
}

// inTypeList compares types, not those of their values, as the original does:
// texts and times are never found.
func inTypeList(a *args) check {
	names, given := a.texts("type_list")
	if given && len(names) == 0 {
		a.problem("type_list is empty")
	}
	if given && (a.typ == schemas.String || a.typ == schemas.JSON || a.typ == schemas.Timestamp) {
		a.doubt("a column of type %s is in no type_list, as in Great Expectations with pandas 3: use expect_column_values_to_be_of_type", a.typ)
	}
	return columnType(fmt.Sprintf("must be of a type in %v", names), func(p pandasType) bool {
		return !given || p.listed && slices.ContainsFunc(names, p.means)
	})
}

// columnType judges a column by what its values are.
func columnType(detail string, ok func(p pandasType) bool) check {
	return check{detail: detail, column: func(f *columnFacts) (bool, Object, error) {
		p := pandasTypes[f.typ]
		return ok(p), Object{{"observed_value", p.scalar}}, nil
	}}
}

func typeIs(a *args) check {
	name := a.text("type_")
	a.typeName(name)
	return check{detail: "must be of type " + name, column: func(f *columnFacts) (bool, Object, error) {
		p := pandasTypes[f.typ]
		return slices.Contains(p.dtypes, name), Object{{"observed_value", p.dtype}}, nil
	}}
}
