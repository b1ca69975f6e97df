package store

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
// at all, and a commit is a conditional put: it fails if the name is taken.
// Nothing can be renamed, so a move is a copy, then a removal.
type bucket struct {
	b       *blob.Bucket // the prefix's view of it
	url     string       // of the prefix, without a slash at its end
	setting string       // that names url, for errors
}

var _ Store = bucket{}

func (b bucket) Location(name string) string { return b.url + "/" + name }

// gone makes the driver's "not found" the one that all stores share.
func gone(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

func (b bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	w := watch(ctx, stallTimeout)
	r, err := b.b.NewReader(w.ctx, name, nil)
	if err != nil {
		return nil, w.end(gone(err))
	}
	return &watched{r, w}, nil
}

// Local downloads the object: readers of Parquet jump to and fro.
func (b bucket) Local(ctx context.Context, name string) (string, func(), error) {
	r, err := b.Open(ctx, name)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = r.Close() }() // only read
	f, err := os.CreateTemp("", "adp-*"+DataSuffix)
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

func (b bucket) Stamp(ctx context.Context, name string) (string, error) {
	w := watch(ctx, stallTimeout)
	a, err := b.b.Attributes(w.ctx, name)
	if err := w.end(gone(err)); err != nil {
		return "", err
	}
	return fmt.Sprint(a.ETag, " ", a.ModTime.UnixNano(), " ", a.Size), nil
}

func (b bucket) Put(ctx context.Context, name string, src io.Reader) error {
	return b.write(ctx, name, src, nil)
}

// write puts an object. A reader that fails must not leave half of it behind:
// cancelling the writer's context does that.
func (b bucket) write(ctx context.Context, name string, src io.Reader, opts *blob.WriterOptions) error {
	w := watch(ctx, stallTimeout)
	to, err := b.b.NewWriter(w.ctx, name, opts)
	if err != nil {
		return w.end(err)
	}
	if _, err := io.Copy(to, &watched{io.NopCloser(src), w}); err != nil {
		w.cancel(err)
		_ = to.Close() // the copy's error is the one to tell
		return w.end(err)
	}
	return w.end(to.Close())
}

// Seal has nothing to do: an object that was put is durable.
func (b bucket) Seal(context.Context, string) error { return nil }

// Create puts under the condition that nothing is there. A put that was cut off
// may still arrive later: only a refusal is sure.
func (b bucket) Create(ctx context.Context, name, _ string, data []byte, step func(string)) (bool, error) {
	step("written")
	err := b.write(ctx, name, strings.NewReader(string(data)), &blob.WriterOptions{IfNotExist: true, ContentType: "application/json"})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return false, fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	return err != nil, err
}

func (b bucket) Replace(ctx context.Context, name string, data []byte) error {
	return b.write(ctx, name, strings.NewReader(string(data)), nil)
}

// Arrange may be repeated, and by several processes at once: the last one to
// see an object under its old name copies it, and the copies are the same.
func (b bucket) Arrange(ctx context.Context, moves []Move, step func(string)) error {
	for _, m := range moves {
		w := watch(ctx, copyTimeout)
		err := w.end(gone(b.b.Copy(w.ctx, m.To, m.From, nil)))
		if IsGone(err) {
			continue // moved before
		}
		if err == nil {
			err = b.Remove(ctx, []string{m.From})
		}
		if err != nil {
			return fmt.Errorf("move %s to %s: %w", b.Location(m.From), m.To, err)
		}
		step("moved")
	}
	return nil
}

func (b bucket) Remove(ctx context.Context, names []string) error {
	for _, name := range names {
		w := watch(ctx, stallTimeout)
		if err := w.end(gone(b.b.Delete(w.ctx, name))); err != nil && !IsGone(err) {
			return err
		}
	}
	return nil
}

func (b bucket) Drop(ctx context.Context, dir string) error {
	var names []string
	err := b.list(ctx, dir+"/", "", func(o *blob.ListObject) error {
		names = append(names, o.Key)
		return nil
	})
	if err != nil {
		return err
	}
	return b.Remove(ctx, names)
}

// list calls fn for the objects below a prefix; with a delimiter, for those and
// the "folders" directly below it.
func (b bucket) list(ctx context.Context, prefix, delimiter string, fn func(*blob.ListObject) error) error {
	it := b.b.List(&blob.ListOptions{Prefix: prefix, Delimiter: delimiter})
	for {
		w := watch(ctx, stallTimeout)
		o, err := it.Next(w.ctx)
		err = w.end(err)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = fn(o)
		}
		if err != nil {
			return err
		}
	}
}

func (b bucket) Walk(ctx context.Context, dir string, fn func(name string) error) error {
	prefix := strings.TrimPrefix(dir+"/", "./")
	return b.list(ctx, prefix, "/", func(o *blob.ListObject) error {
		switch {
		case o.IsDir && strings.HasPrefix(path.Base(o.Key), "_"):
			return nil
		case o.IsDir:
			return b.Walk(ctx, strings.TrimSuffix(o.Key, "/"), fn)
		case strings.HasSuffix(o.Key, DataSuffix):
			return fn(o.Key)
		}
		return nil
	})
}

// Leftovers is by the youngest object: a folder here is what its objects are.
func (b bucket) Leftovers(ctx context.Context, dir string, since time.Time) ([]string, error) {
	old := map[string]bool{}
	var order []string
	err := b.list(ctx, dir+"/", "", func(o *blob.ListObject) error {
		first, _, _ := strings.Cut(strings.TrimPrefix(o.Key, dir+"/"), "/")
		name := dir + "/" + first
		if _, seen := old[name]; !seen {
			old[name], order = true, append(order, name)
		}
		old[name] = old[name] && !o.ModTime.After(since)
		return nil
	})
	var out []string
	for _, name := range order {
		if old[name] {
			out = append(out, name)
		}
	}
	return out, err
}

func (b bucket) Remote() bool { return true }

func (b bucket) Ready(ctx context.Context) error {
	w := watch(ctx, stallTimeout)
	ok, err := b.b.IsAccessible(w.ctx)
	err = w.end(err)
	if err == nil && !ok {
		err = pipeline.Misconfiguredf(b.setting, "reach %s: there is no such bucket: make it, or correct the setting", b.url)
	}
	return err
}

func (b bucket) Close() error { return b.b.Close() }

// coded is what the cloud SDKs' errors have in common.
type coded interface{ ErrorCode() string }

// refusals are codes of S3 that the portable error codes don't tell apart.
var refusals = map[string]string{
	"NoSuchBucket":          "there is no such bucket: make it, or correct the setting",
	"InvalidAccessKeyId":    "the key isn't known: correct AWS_ACCESS_KEY_ID",
	"SignatureDoesNotMatch": "the secret is wrong: correct AWS_SECRET_ACCESS_KEY",
	"ExpiredToken":          "the credentials have expired: renew AWS_SESSION_TOKEN, or use a role",
	"AccessDenied":          "the credentials may not do this: grant list, get, put and delete below the prefix",
	"PermanentRedirect":     "the bucket is in another region: correct AWS_REGION",
}

// Fault is the one place where errors of object storage get their kind.
func (b bucket) Fault(err error, attempted string) error {
	var c coded
	var known *pipeline.Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &c) && refusals[c.ErrorCode()] != "":
		return pipeline.Misconfiguredf(b.setting, "%s: %s (%w)", attempted, refusals[c.ErrorCode()], err)
	}
	switch gcerrors.Code(err) {
	case gcerrors.PermissionDenied:
		return pipeline.Misconfiguredf(b.setting, "%s: %w: grant the worker's credentials list, get, put and delete below %s", attempted, err, b.url)
	case gcerrors.InvalidArgument, gcerrors.Unimplemented:
		return pipeline.Misconfiguredf(b.setting, "%s: %w: check the parameters of %s", attempted, err, b.url)
	default:
		return pipeline.Faultf(pipeline.Transient, "%s: %w", attempted, err)
	}
}
