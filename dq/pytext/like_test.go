package pytext_test

import (
	"strings"
	"testing"

	"github.com/autonomous-data-pipeline/adp/dq/pytext"
)

func TestLike(t *testing.T) {
	tests := map[string]struct {
		pattern, escape, text string
		want                  bool
	}{
		"a literal is like itself":                   {"abc", "", "abc", true},
		"case matters":                               {"abc", "", "Abc", false},
		"all of the text counts":                     {"abc", "", "abcd", false},
		"% takes nothing":                            {"a%", "", "a", true},
		"% takes anything, lines too":                {"a%c", "", "a\n\nc", true},
		"% gives back what the rest needs":           {"%ab%ab", "", "xabxabxab", true},
		"% alone is like the empty text":             {"%", "", "", true},
		"the empty pattern is like the empty text":   {"", "", "", true},
		"the empty pattern is like nothing else":     {"", "", "a", false},
		"_ takes one character":                      {"_", "", "é", true},
		"_ takes no two":                             {"_", "", "ab", false},
		"_ doesn't take nothing":                     {"a_", "", "a", false},
		"_ and % together ask for a length":          {"__%", "", "a", false},
		"an escaped % is itself":                     {`100\%`, `\`, "100%", true},
		"an escaped % is nothing else":               {`100\%`, `\`, "1000", false},
		"an escaped escape is itself":                {"a!!b", "!", "a!b", true},
		"an escaped letter is itself":                {"!a", "!", "a", true},
		"without an escape a backslash is a literal": {`\%`, "", `\abc`, true},
		"% may be the escape":                        {"%%a", "%", "%a", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l, err := pytext.CompileLike(tc.pattern, tc.escape)
			if err != nil {
				t.Fatal(err)
			}
			if got := l.Match(tc.text); got != tc.want {
				t.Errorf("%q LIKE %q ESCAPE %q = %v, want %v", tc.text, tc.pattern, tc.escape, got, tc.want)
			}
		})
	}
}

func TestLikeRefusesAnEscapeThatEscapesNothing(t *testing.T) {
	for _, tc := range [][2]string{{"a!", "!"}, {"!!!", "!"}, {"a", "!!"}} {
		if _, err := pytext.CompileLike(tc[0], tc[1]); err == nil || !strings.Contains(err.Error(), "escape") {
			t.Errorf("CompileLike(%q, %q): %v, want an error about the escape", tc[0], tc[1], err)
		}
	}
}
