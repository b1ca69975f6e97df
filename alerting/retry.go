package alerting

import "time"

// RetryAfter is in the chain of a Transient fault whose far end said how long
// it wants to be left alone. Whoever tries again waits that long.
type RetryAfter struct {
	Wait time.Duration // at least 0, at most an hour
	Err  error
}

func (r *RetryAfter) Error() string { return r.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (r *RetryAfter) Unwrap() error { return r.Err }
