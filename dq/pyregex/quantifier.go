package pyregex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// piece is what stands before a quantifier.
type piece uint8

const (
	none piece = iota
	assertion
	character // or a class or group: it may be repeated
	repeated
)

// quantifier writes how often what stands before is repeated. It is false for a
// brace that is no quantifier.
func (t *translator) quantifier(before piece) (bool, error) {
	from, least, most, ok := t.repeat()
	if !ok {
		return false, nil
	}
	switch {
	case most >= 0 && least > most:
		return true, errors.New("min repeat greater than max repeat")
	case before == none || before == assertion:
		return true, errors.New("nothing to repeat")
	case before == repeated:
		return true, errors.New("multiple repeat")
	case t.take("+"):
		return true, fmt.Errorf("%s is not supported: a possessive quantifier changes what matches: leave the last + out", t.in[from:t.at])
	case least > 1000 || most > 1000:
		return true, fmt.Errorf("%s repeats more than 1000 times: check the length with expect_column_value_lengths_to_be_between", t.in[from:t.at])
	}
	t.take("?") // how much is taken doesn't change whether there is a match
	if most < 0 {
		fmt.Fprintf(&t.out, "{%d,}", least)
	} else {
		fmt.Fprintf(&t.out, "{%d,%d}", least, most)
	}
	return true, nil
}

// repeat reads a quantifier; most is -1 without an end.
func (t *translator) repeat() (from, least, most int, ok bool) {
	from = t.at
	switch {
	case t.take("*"):
		return from, 0, -1, true
	case t.take("+"):
		return from, 1, -1, true
	case t.take("?"):
		return from, 0, 1, true
	case !t.take("{"):
		return from, 0, 0, false
	}
	end := strings.IndexByte(t.rest(), '}')
	if end < 0 || t.rest()[:end] == "" || strings.Trim(t.rest()[:end], "0123456789,") != "" || strings.Count(t.rest()[:end], ",") > 1 {
		t.at = from
		return from, 0, 0, false
	}
	low, high, comma := strings.Cut(t.rest()[:end], ",")
	least, most = number(low, 0), number(high, -1)
	if !comma {
		most = least
	}
	t.at += end + 1
	return from, least, most, true
}

// number reads digits; too many of them are more than any limit.
func number(s string, fallback int) int {
	if s == "" {
		return fallback
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1 << 30
	}
	return n
}
