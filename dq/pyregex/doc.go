// Package pyregex answers whether Python's re.search finds a pattern in a text,
// in time that is linear in the text.
//
// It refuses what needs backtracking (lookaround, backreferences, conditionals,
// atomic groups, possessive quantifiers), \N{…}, repetitions beyond 1000, \b both
// inside and outside of (?a:…), and, with (?i), letters beyond U+FFFF, of which
// Python itself doesn't always find the other case.
//
// Python is taken to be 3.11 to 3.13. From 3.14 on it also has \z, and finds \B in an
// empty text. Letters and digits are those of the Unicode that Go knows, which
// is 15.0 as in Python 3.12: 3.11 lacks 4,400 letters of it, rare ideographs
// nearly all of them.
package pyregex
