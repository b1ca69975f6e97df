package dq

import (
	"fmt"
	"strings"
)

// conditionOf reads the object that Great Expectations 1 writes for a
// condition: {"type": "comparison", "column": {"name": "x"}, "operator": ">",
// "parameter": 1}, "nullity", "and", "or", "pass_through".
func conditionOf(o map[string]any, depth int) (condition, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it nests deeper than %d", maxDepth)
	}
	switch o["type"] {
	case "comparison":
		return comparisonOf(o)
	case "nullity":
		want, ok := o["is_null"].(bool)
		if !ok {
			return nil, fmt.Errorf("a nullity needs is_null, true or false")
		}
		name, err := columnOf(o)
		return isNull{name, want}, err
	case "and", "or":
		return groupOf(o, depth)
	case "pass_through":
		text, ok := o["pass_through_filter"].(string)
		if !ok {
			return nil, fmt.Errorf("a pass_through needs pass_through_filter, a text")
		}
		return parseQuery(text)
	}
	return nil, fmt.Errorf("a condition's type is %v; it must be comparison, nullity, and, or, or pass_through", o["type"])
}

func columnOf(o map[string]any) (string, error) {
	column, _ := o["column"].(map[string]any)
	name, _ := column["name"].(string)
	if name == "" {
		return "", fmt.Errorf(`a %v needs column: {"name": …}`, o["type"])
	}
	return name, nil
}

func comparisonOf(o map[string]any) (condition, error) {
	name, err := columnOf(o)
	if err != nil {
		return nil, err
	}
	op, _ := o["operator"].(string)
	switch literal := o["parameter"].(type) {
	case []any:
		if op != "IN" && op != "NOT_IN" {
			return nil, fmt.Errorf("operator %v compares with one value, not with a list", o["operator"])
		}
		return within{name, literal, op == "IN"}, nil
	case string, bool, int64, float64:
		if turned[op] == "" {
			return nil, fmt.Errorf("operator %v is none of ==, !=, <, <=, >, >=, IN, NOT_IN with a list", o["operator"])
		}
		return compares{name, op, literal}, nil
	}
	return nil, fmt.Errorf("the parameter of column %s is %v: it must be a text, a number or a boolean; nullity tests for null", name, o["parameter"])
}

func groupOf(o map[string]any, depth int) (condition, error) {
	list, _ := o["conditions"].([]any)
	if len(list) == 0 {
		return nil, fmt.Errorf("%v needs conditions", o["type"])
	}
	var all []condition
	for _, v := range list {
		of, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%v is no condition", v)
		}
		c, err := conditionOf(of, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if o["type"] == "or" {
		return anyOf(all), nil
	}
	return allOf(all), nil
}

func (c allOf) text() string  { return joined(c, " and ") }
func (c anyOf) text() string  { return joined(c, " or ") }
func (c noneOf) text() string { return "not " + c.of.text() }

func (c isNull) text() string {
	if c.want {
		return "`" + c.column + "`.isnull()"
	}
	return "`" + c.column + "`.notnull()"
}

func (c compares) text() string {
	return "`" + c.column + "` " + c.op + " " + pythonLiteral(c.literal)
}

func (c within) text() string {
	parts := make([]string, len(c.literals))
	for i, v := range c.literals {
		parts[i] = pythonLiteral(v)
	}
	op := " in ["
	if !c.want {
		op = " not in ["
	}
	return "`" + c.column + "`" + op + strings.Join(parts, ", ") + "]"
}

func joined(all []condition, word string) string {
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = c.text()
	}
	return "(" + strings.Join(parts, word) + ")"
}

// pythonLiteral writes a literal as the parser reads it.
func pythonLiteral(v any) string {
	switch v := v.(type) {
	case string:
		r := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`)
		return "'" + r.Replace(v) + "'"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float64:
		return pythonFloat(v)
	}
	return fmt.Sprint(v)
}
