// Package gxdiff compares this project's data quality with Great Expectations
// itself: its verdicts over generated suites and tables, and what both take.
// Nothing but its own tests is in it; they need Python.
package gxdiff
