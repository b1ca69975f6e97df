package alerting

import (
	"context"
	"errors"
	"fmt"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Router sends every alert to all its channels.
type Router struct{ channels []Notifier }

// NewRouter composes channels into one.
func NewRouter(channels ...Notifier) *Router { return &Router{channels: channels} }

// Name says that it stands for several channels.
func (r *Router) Name() string { return "router" }

// Notify sends to every channel: one that is dead doesn't keep the others from
// hearing. The error joins the failed channels'; it is Transient if at least
// one of them may be tried again. Trying again repeats the alert on channels
// that have it: its ID lets them drop the repeat.
func (r *Router) Notify(ctx context.Context, a Alert) error {
	var errs []error
	kind := pipeline.Misconfigured
	for _, c := range r.channels {
		if err := c.Notify(ctx, a); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Name(), err))
			if pipeline.KindOf(err) == pipeline.Transient {
				kind = pipeline.Transient
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return pipeline.Faultf(kind, "alert %s: %w", a.ID, errors.Join(errs...))
}
