package store

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestARequestThatStallsEndsAsOneToTryAgain(t *testing.T) {
	w := watch(t.Context(), time.Millisecond)
	<-w.ctx.Done()
	err := bucket{setting: settingPath}.Fault(w.end(w.ctx.Err()), "put")
	if !errors.Is(err, errStalled) || pipeline.KindOf(err) != pipeline.Transient {
		t.Errorf("error is %v, want a transient fault that says so", err)
	}
}

func TestARequestThatMovesGoesOn(t *testing.T) {
	w := watch(t.Context(), time.Hour)
	r := &watched{io.NopCloser(iotest.OneByteReader(&count{n: 1000})), w}
	n, err := io.Copy(io.Discard, r)
	if err := errors.Join(err, r.Close()); err != nil || n != 1000 {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestACancelledRequestIsNoStall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := watch(ctx, time.Hour)
	cancel()
	if err := w.end(w.ctx.Err()); !errors.Is(err, context.Canceled) || errors.Is(err, errStalled) {
		t.Errorf("error is %v, want the context's", err)
	}
}

// count is so many bytes.
type count struct{ n int }

func (c *count) Read(p []byte) (int, error) {
	if c.n == 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.n)
	c.n -= n
	return n, nil
}
