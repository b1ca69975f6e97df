package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// kindOf reads the fault kind that an activity put on its outermost error. A
// time limit or a dead worker has none: it is transient.
func kindOf(err error) pipeline.Kind {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		switch k := pipeline.Kind(app.Type()); k {
		case pipeline.BadData, pipeline.Misconfigured, pipeline.Superseded, pipeline.Bug:
			return k
		}
	}
	return pipeline.Transient
}

// messageOf is the activity's own words, without the SDK's envelope.
func messageOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return "no worker finished it within its time limit (" + timeout.TimeoutType().String() + "): " + timeout.Error()
	}
	return err.Error()
}

// stageError says which stage an error came from.
type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }
