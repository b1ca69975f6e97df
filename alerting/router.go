package alerting

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Router sends every alert to all its channels.
type Router struct{ channels []Notifier }

// NewRouter composes channels into one.
func NewRouter(channels ...Notifier) *Router { return &Router{channels: channels} }

// Name says that it stands for several channels.
func (r *Router) Name() string { return "router" }

// Notify sends to every channel at once: one that is dead or slow doesn't keep
// the others from hearing. The error joins the failed channels' errors, each
// with its own kind in its chain; the whole is Transient if at least one of
// them may be tried again. Trying again repeats the alert on channels that
// have it: its ID lets them drop the repeat. A router without channels is a
// Bug: nobody would hear.
func (r *Router) Notify(ctx context.Context, a Alert) error {
	if len(r.channels) == 0 {
		return pipeline.Faultf(pipeline.Bug, "send alert %s: there is no channel", a.ID)
	}
	errs := make([]error, len(r.channels))
	var group sync.WaitGroup
	for i, c := range r.channels {
		group.Go(func() {
			if err := c.Notify(ctx, a); err != nil {
				errs[i] = fmt.Errorf("%s: %w", c.Name(), err)
			}
		})
	}
	group.Wait()
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	return pipeline.Faultf(worst(errs), "send alert %s: %w", a.ID, err)
}

// worst is Transient if one error is, else the first error's kind.
func worst(errs []error) pipeline.Kind {
	var kind pipeline.Kind
	for _, err := range errs {
		if err == nil {
			continue
		}
		k := pipeline.KindOf(err)
		if k == pipeline.Transient {
			return k
		}
		if kind == "" {
			kind = k
		}
	}
	return kind
}
