package pipeline

import (
	"errors"
	"fmt"
)

// Kind says how a fault heals.
type Kind string

// The fault kinds: what the pipeline does about an error, not where it arose.
const (
	Transient     Kind = "transient"     // Temporal retries it
	BadData       Kind = "bad_data"      // the record or file is quarantined
	Misconfigured Kind = "misconfigured" // stop, and say which setting
	Superseded    Kind = "superseded"    // another run moved the checkpoint first: nothing to heal
	Bug           Kind = "bug"           // escalate
)

// Fault is an error with the kind that picks its healing.
type Fault struct {
	Kind    Kind
	Setting string // the setting to change, for Misconfigured; may be empty
	Err     error
}

func (f *Fault) Error() string {
	if f.Setting != "" {
		return fmt.Sprintf("%v (setting: %s)", f.Err, f.Setting)
	}
	return f.Err.Error()
}

// Unwrap gives errors.Is and errors.As the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Faultf formats a fault. Use %w for the cause.
func Faultf(kind Kind, format string, args ...any) error {
	return &Fault{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Misconfiguredf formats a fault that names the setting to change.
func Misconfiguredf(setting, format string, args ...any) error {
	return &Fault{Kind: Misconfigured, Setting: setting, Err: fmt.Errorf(format, args...)}
}

// KindOf is the kind of the outermost fault in err's chain. An error that
// carries none is Transient: a retry is the one healing that can't harm.
func KindOf(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return Transient
}
