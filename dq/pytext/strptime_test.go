package pytext_test

import (
	"strings"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq/pytext"
)

func TestFormat(t *testing.T) {
	tests := map[string]struct {
		layout, text string
		want         bool
	}{
		"%d takes one digit where the rest needs the other": {"%d%m", "11", true},
		"whitespace is like any whitespace":                 {"%d %m", "1\t\u00a0\n2", true},
		"whitespace is not nothing":                         {"%d %m", "12", false},
		"text that remains is refused":                      {"%Y", "20245", false},
		"digits are any decimal digits":                     {"%Y", "２０٢٤", true},
		"names know no case":                                {"%A", "MONDAY", true},
		"literals know no case, beyond ASCII too":           {"ﬆ\u0390ı%d", "ﬅ\u1fd3i1", true},
		"a year has its own leap day":                       {"%Y-%m-%d", "2023-02-29", false},
		"without a year there is no leap day":               {"%m-%d", "02-29", false},
		"a second is at most 59, though 61 is matched":      {"%S", "60", false},
		"a zone is less than a day":                         {"%z", "+24:00", false},
		"a zone has colons everywhere or nowhere":           {"%z", "+0130:45", false},
		"Z is a zone, and z isn't":                          {"%z", "z", false},
		"day 366 of a common year is in the next one":       {"%Y %j", "2023 366", true},
		"the year 10000 is none":                            {"%Y %j", "9999 366", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := pytext.ParseFormat(tc.layout)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Match(tc.text); got != tc.want {
				t.Errorf("strptime(%q, %q) = %v, want %v", tc.text, tc.layout, got, tc.want)
			}
		})
	}
}

// A layout that may go back at each directive still ends: each part is tried
// once at each place.
func TestFormatThatFitsInManyWaysEnds(t *testing.T) {
	f, err := pytext.ParseFormat("%d%H%I%j%m%M%S%U%w%u%W%f%y%Y%zX")
	if err != nil {
		t.Fatal(err)
	}
	if f.Match(strings.Repeat("1", 40)) {
		t.Error("digits alone match a layout that ends with a letter")
	}
}

func TestDateutilTakesWhatIsLeftOutFromToday(t *testing.T) {
	tests := map[string]struct {
		text, today string
		want        bool
	}{
		"a 31st is in a month that has one":           {"31", "2024-01-05", true},
		"a 31st isn't in a shorter one":               {"31", "2024-04-05", false},
		"a month is cut to its length":                {"Feb", "2024-01-31", true},
		"a leap day needs a year that has it":         {"29 Feb", "2023-05-05", false},
		"a leap day is in a leap year":                {"29 Feb", "2024-05-05", true},
		"a year keeps the day, cut to the month":      {"2023", "2024-02-29", true},
		"a weekday beyond the last year is too late":  {"Sat 9999", "2024-12-31", false},
		"a two-digit year is within fifty years":      {"29 Feb 76", "2030-01-01", true},
		"another century may have no such leap day":   {"29 Feb 00", "2060-01-01", false},
		"a name in place of a date isn't one":         {"10:00 abc", "2024-01-01", false},
		"an unknown zone in capitals is passed over":  {"10:00 ABC", "2024-01-01", true},
		"a text of words between is no date":          {"at on", "2024-01-01", false},
		"half a day needs an hour":                    {"pm", "2024-01-01", false},
		"an empty text is no date":                    {"", "2024-01-01", false},
		"a superscript is a digit, and no number":     {"Jan of ²", "2024-01-01", false},
		"more than three numbers of a date are wrong": {"1 2 3 4", "2024-01-01", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			today, err := time.Parse(time.DateOnly, tc.today)
			if err != nil {
				t.Fatal(err)
			}
			if got := pytext.DateutilAt(tc.text, today); got != tc.want {
				t.Errorf("DateutilAt(%q, %s) = %v, want %v", tc.text, tc.today, got, tc.want)
			}
		})
	}
}

func TestDateutilAsksTheClock(t *testing.T) {
	if !pytext.Dateutil("2024-01-31T10:00:00Z") || pytext.Dateutil("2024-01-32") {
		t.Error("Dateutil doesn't read a date, or reads none")
	}
}
