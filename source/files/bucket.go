package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// bucket is a store in object storage. There an object is there whole or not
// at all.
type bucket struct {
	b   *blob.Bucket // the prefix's view of it
	url string       // of the prefix, without a slash at its end and without parameters
}

var _ store = bucket{}

func (b bucket) location(name string) string { return b.url + "/" + name }

// notFound makes the driver's "not found" the one that all stores share.
func notFound(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// list finds no topic that has no object: object storage has no folders.
func (b bucket) list(ctx context.Context, topic string, fn func(entry) error) error {
	ok, err := b.b.IsAccessible(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return pipeline.Misconfiguredf(settingPath, "reach %s: there is no such bucket: make it, or correct the setting", b.url)
	}
	it := b.b.List(&blob.ListOptions{Prefix: topic + "/"})
	found := false
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		found = true
		if hiddenPath(strings.TrimPrefix(o.Key, topic+"/")) {
			continue
		}
		if err := fn(object(o.Key, o.Size, o.ModTime)); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("nothing has this prefix: %w", fs.ErrNotExist)
	}
	return nil
}

// hiddenPath also holds for what is below a hidden folder, and for the empty
// objects that some tools keep for folders.
func hiddenPath(rel string) bool {
	if rel == "" || strings.HasSuffix(rel, "/") {
		return true
	}
	for dir := path.Dir(rel); dir != "."; dir = path.Dir(dir) {
		if hidden(path.Base(dir)) {
			return true
		}
	}
	return hidden(path.Base(rel))
}

func (b bucket) stat(ctx context.Context, name string) (entry, error) {
	a, err := b.b.Attributes(ctx, name)
	if err != nil {
		return entry{}, notFound(err)
	}
	return object(name, a.Size, a.ModTime), nil
}

// object is an entry in whole seconds: a listing and the object itself may know
// the time to different digits.
func object(name string, size int64, modified time.Time) entry {
	return entry{name: name, size: size, modified: modified.Truncate(time.Second)}
}

func (b bucket) open(ctx context.Context, name string, at int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := b.b.NewRangeReader(ctx, name, at, -1, nil)
	if err != nil {
		cancel(nil)
		return nil, notFound(err)
	}
	s := &stalling{r: r, cancel: cancel}
	s.timer = time.AfterFunc(stallLimit, func() { cancel(errStalled) })
	return s, nil
}

// local downloads the object: readers of Parquet jump to and fro.
func (b bucket) local(ctx context.Context, name string) (string, func(), error) {
	r, err := b.open(ctx, name, 0)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = r.Close() }() // only read
	f, err := os.CreateTemp("", "adp-*.parquet")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary file (setting: TMPDIR): %w", err)
	}
	done := func() { _ = os.Remove(f.Name()) } // one that can't be removed hurts nobody
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		done()
		return "", nil, err
	}
	return f.Name(), done, nil
}

func (b bucket) close() error { return b.b.Close() }

// fault is the one place where errors of object storage get their kind.
func (b bucket) fault(err error, attempted string) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*pipeline.Fault)), canceled(err):
		return err
	}
	switch gcerrors.Code(err) {
	case gcerrors.PermissionDenied:
		return pipeline.Misconfiguredf(settingPath, "%s: %w: grant the worker's credentials list and get below %s", attempted, err, b.url)
	case gcerrors.InvalidArgument, gcerrors.Unimplemented:
		return pipeline.Misconfiguredf(settingPath, "%s: %w: check the parameters of %s", attempted, err, b.url)
	}
	return pipeline.Faultf(pipeline.Transient, "%s: %w", attempted, err)
}

// stallLimit is how long a download may go on without a byte moving: a
// connection that is half open answers never.
const stallLimit = time.Minute

var errStalled = errors.New("nothing has moved on the connection for " + stallLimit.String())

// stalling is a download that ends when nothing moves.
type stalling struct {
	r      io.ReadCloser
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func (s *stalling) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if !s.timer.Reset(stallLimit) && err != nil && !errors.Is(err, io.EOF) {
		err = errStalled
	}
	return n, err
}

func (s *stalling) Close() error {
	s.timer.Stop()
	s.cancel(nil)
	return s.r.Close()
}
