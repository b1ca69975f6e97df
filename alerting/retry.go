package alerting

import "time"

// RetryAfter is a channel's wish to be left alone for a while, around the error
// that says so.
type RetryAfter struct {
	Wait time.Duration
	Err  error
}

// Error says what the error says.
func (r *RetryAfter) Error() string { return r.Err.Error() }

// Unwrap gives the error.
func (r *RetryAfter) Unwrap() error { return r.Err }
