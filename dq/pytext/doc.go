// Package pytext says what Python's standard library, and the libraries that
// Great Expectations uses, say about a text: whether it is a date, JSON, or of a
// format. It does no I/O.
package pytext
