package dq

import (
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/dq/pytext"
)

func init() {
	row := func(name string, args []string, defaults map[string]any, build func(*args) check) {
		register("expect_column_values_to_"+name, kind{domain: ofColumn, row: true, args: args, defaults: defaults, build: build})
	}
	row("be_dateutil_parseable", nil, nil, func(*args) check {
		return onlyTexts("must be a date", errDateutil, pytext.Dateutil)
	})
	row("be_json_parseable", nil, nil, jsonParseable)
	row("match_strftime_format", []string{"strftime_format"}, nil, func(a *args) check {
		layout := a.text("strftime_format")
		f, err := pytext.ParseFormat(layout)
		if err != nil {
			a.problem("strftime_format: %v", err)
		}
		return onlyTexts("must be of format "+layout, errStrftime, func(s string) bool { return f.Match(s) })
	})
	row("match_json_schema", []string{"json_schema"}, nil, jsonSchema)
	row("match_like_pattern", []string{"like_pattern", "escape"}, nil, likePattern(true))
	row("not_match_like_pattern", []string{"like_pattern", "escape"}, nil, likePattern(false))
	row("match_like_pattern_list", []string{"like_pattern_list", "match_on", "escape"}, map[string]any{"match_on": "any"}, likePatterns(true))
	row("not_match_like_pattern_list", []string{"like_pattern_list", "escape"}, nil, likePatterns(false))
}

// The original's own messages about columns that hold no texts.
var (
	errDateutil = errors.New("Values passed to expect_column_values_to_be_dateutil_parseable must be of type string.\nIf you want to validate a column of dates or timestamps, please call the expectation before converting from string format.") //nolint:staticcheck // ST1005: to the letter
	errStrftime = errors.New("Values passed to expect_column_values_to_match_strftime_format must be of type string.\nIf you want to validate a column of dates or timestamps, please call the expectation before converting from string format.") //nolint:staticcheck // ST1005: to the letter
)

// onlyTexts judges texts; a column of anything else is an error.
func onlyTexts(detail string, wrong error, ok func(s string) bool) check {
	return check{detail: detail, rows: onValues(func(col arrow.Array) (func(int) bool, error) {
		if !isText(col) {
			return nil, wrong
		}
		text := textOf(col)
		return func(i int) bool { return ok(text(i)) }, nil
	})}
}

// jsonParseable is kept by no value that isn't a text: json.loads raises.
func jsonParseable(*args) check {
	return check{detail: "must be JSON", rows: onValues(func(col arrow.Array) (func(int) bool, error) {
		if !isText(col) {
			return func(int) bool { return false }, nil
		}
		text := textOf(col)
		return func(i int) bool { return pytext.JSON(text(i)) }, nil
	})}
}

// jsonSchema raises about the first text that is no JSON.
func jsonSchema(a *args) check {
	schema, err := pytext.CompileSchema(a.values["json_schema"])
	if a.values["json_schema"] == nil {
		err = errors.New("it is missing")
	}
	if err != nil {
		a.problem("json_schema: %v", err)
	}
	return check{detail: "must match a JSON schema",
		rows: func(cols []arrow.Array) (func(int) bool, error) {
			if !isText(cols[0]) {
				return nil, errors.New("the JSON object must be str, bytes or bytearray")
			}
			text := textOf(cols[0])
			return func(i int) bool { ok, err := schema.Match(text(i)); return ok && err == nil }, nil
		},
		raises: func(cols []arrow.Array) func(int) error {
			text := textOf(cols[0])
			return func(i int) error { _, err := schema.Match(text(i)); return err }
		}}
}

// like compiles a pattern. What can't be is a problem, and gives one that
// matches the empty text.
func (a *args) like(pattern string) *pytext.Like {
	escape := ""
	if a.values["escape"] != nil {
		escape = a.text("escape")
	}
	l, err := pytext.CompileLike(pattern, escape)
	if err != nil {
		a.problem("like_pattern %q: %v", pattern, err)
		return &pytext.Like{}
	}
	return l
}

func likePattern(want bool) func(*args) check {
	return func(a *args) check {
		pattern := a.text("like_pattern")
		l, detail := a.like(pattern), "must be like "+pattern
		if !want {
			detail = "must not be like " + pattern
		}
		return onTexts(detail, func(s string) bool { return l.Match(s) == want })
	}
}

func likePatterns(want bool) func(*args) check {
	return func(a *args) check {
		names, _ := a.texts("like_pattern_list")
		if len(names) == 0 {
			a.problem("like_pattern_list is empty")
		}
		var patterns []*pytext.Like
		for _, p := range names {
			patterns = append(patterns, a.like(p))
		}
		all := want && a.matchOn()
		return onTexts(describeList(fmt.Sprint(names), want, all), func(s string) bool {
			return matchesOf(patterns, all, func(l *pytext.Like) bool { return l.Match(s) }) == want
		})
	}
}

// firstRaised is the first row's error, in the order of positions.
func firstRaised(v *view, selected []int32, judged func(int) bool, raises func(i int) error) (Position, error) {
	var at Position
	var err error
	eachRow(v.rows, selected, func(i int) {
		if err == nil && (judged == nil || judged(i)) {
			if err = raises(i); err != nil {
				at = Position{v.chunk.Partition, v.chunk.Offsets[i]}
			}
		}
	})
	return at, err
}

// raise keeps the error of the first row that has one.
func (t *tally) raise(at Position, message string) {
	if t.Error == "" || t.ErrorAt != nil && slices.MinFunc([]Position{*t.ErrorAt, at}, Position.compare) == at {
		t.Error, t.ErrorAt = message, &at
	}
}
