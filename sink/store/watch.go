package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// How long a request may go on without a byte moving. A connection that is half
// Open answers never; without a limit, a load would wait for as long as its
// activity may take. A copy within the bucket moves nothing that is seen here.
const (
	stallTimeout = time.Minute
	copyTimeout  = 5 * time.Minute
)

var errStalled = errors.New("nothing has moved on the connection")

// watcher ends a request that stalls.
type watcher struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func watch(ctx context.Context, limit time.Duration) *watcher {
	ctx, cancel := context.WithCancelCause(ctx)
	return &watcher{ctx: ctx, cancel: cancel, limit: limit, timer: time.AfterFunc(limit, func() { cancel(errStalled) })}
}

// moved says that something did.
func (w *watcher) moved() { w.timer.Reset(w.limit) }

// end finishes the request. One that stalled tells so, rather than that it was
// cancelled: nobody asked for that.
func (w *watcher) end(err error) error {
	w.timer.Stop()
	stalled := errors.Is(context.Cause(w.ctx), errStalled)
	w.cancel(context.Canceled)
	if err != nil && stalled {
		return fmt.Errorf("%w for %s", errStalled, w.limit)
	}
	return err
}

// watched is a reader whose progress is watched.
type watched struct {
	io.ReadCloser
	w *watcher
}

func (r *watched) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.w.moved()
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(r.w.ctx), errStalled) {
		err = errStalled
	}
	return n, err
}

func (r *watched) Close() error { return r.w.end(r.ReadCloser.Close()) }
