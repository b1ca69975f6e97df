package page

import "strings"

// condition says a row condition: a text in a syntax of its own, or the object
// that Great Expectations makes of it. What isn't understood is shown as it is.
func condition(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return show(v)
	}
	column, _ := m["column"].(map[string]any)
	name, _ := column["name"].(string)
	switch m["type"] {
	case "pass_through":
		if s, ok := m["pass_through_filter"].(string); ok {
			return show(s)
		}
	case "comparison":
		if operator, ok := m["operator"].(string); ok && name != "" {
			return visible(name) + " " + operator + " " + shorten(plain(m["parameter"]))
		}
	case "nullity":
		if name != "" && m["is_null"] == true {
			return visible(name) + " IS NULL"
		} else if name != "" {
			return visible(name) + " IS NOT NULL"
		}
	case "and", "or":
		if all, ok := m["conditions"].([]any); ok && len(all) > 0 {
			return several(all, " "+strings.ToUpper(m["type"].(string))+" ")
		}
	}
	return show(v)
}

func several(conditions []any, word string) string {
	parts := make([]string, len(conditions))
	for i, c := range conditions {
		parts[i] = condition(c)
		if m, ok := c.(map[string]any); ok && (m["type"] == "and" || m["type"] == "or") {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return shorten(strings.Join(parts, word))
}
