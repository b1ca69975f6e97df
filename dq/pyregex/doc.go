// Package pyregex answers whether Python's re.search finds a pattern in a text,
// in time that is linear in the text. What needs backtracking is refused.
package pyregex
