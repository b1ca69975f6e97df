package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// store is where topics lie: a folder, or a prefix of a bucket. It is only read.
// Names are relative and slashed, and begin with the topic. A name that isn't
// there is fs.ErrNotExist; fault gives errors their kind.
type store interface {
	location(name string) string

	// list calls fn for every file below a topic, in no order. A topic that isn't
	// there is fs.ErrNotExist.
	list(ctx context.Context, topic string, fn func(entry) error) error

	// stat is a file as it is now.
	stat(ctx context.Context, name string) (entry, error)

	// open streams a file from a byte position on.
	open(ctx context.Context, name string, at int64) (io.ReadCloser, error)

	// local brings a file to a local path; done takes that away again.
	local(ctx context.Context, name string) (path string, done func(), err error)

	fault(err error, attempted string) error
	close() error
}

// entry is a file as a listing shows it.
type entry struct {
	name     string
	size     int64
	modified time.Time
}

// same reports whether nothing has changed that a listing would show.
func (e entry) same(o entry) bool { return e.size == o.size && e.modified.Equal(o.modified) }

// folder is a store on this machine's disk.
type folder struct{ dir string }

var _ store = folder{}

func (f folder) location(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f folder) list(ctx context.Context, topic string, fn func(entry) error) error {
	top := f.location(topic)
	if info, err := os.Stat(top); err != nil {
		return err
	} else if !info.IsDir() {
		return pipeline.Misconfiguredf(settingTopic, "list %s: it is a file, not a folder", top)
	}
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case gone(err):
			return nil // moved away meanwhile
		case err != nil:
			return err
		case path == top:
			return nil
		case hidden(d.Name()) && d.IsDir():
			return fs.SkipDir
		case hidden(d.Name()) || d.IsDir():
			return nil
		}
		rel, err := filepath.Rel(f.dir, path)
		if err != nil {
			return err
		}
		e, err := f.stat(ctx, filepath.ToSlash(rel))
		if gone(err) || errors.Is(err, errNoFile) {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(e)
	})
}

// errNoFile is a name behind which there are no bytes to read: a folder's link,
// a pipe, a socket.
var errNoFile = errors.New("it is no regular file")

func (f folder) stat(_ context.Context, name string) (entry, error) {
	info, err := os.Stat(f.location(name))
	if err != nil {
		return entry{}, err
	}
	if !info.Mode().IsRegular() {
		return entry{}, fmt.Errorf("%s: %w", f.location(name), errNoFile)
	}
	return entry{name: name, size: info.Size(), modified: info.ModTime()}, nil
}

func (f folder) open(_ context.Context, name string, at int64) (io.ReadCloser, error) {
	file, err := os.Open(f.location(name))
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f folder) local(_ context.Context, name string) (string, func(), error) {
	return f.location(name), func() {}, nil
}

func (f folder) close() error { return nil }

// fault is the one place where errors of the operating system get their kind.
func (f folder) fault(err error, attempted string) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*pipeline.Fault)), canceled(err):
		return err
	case errors.Is(err, fs.ErrPermission):
		return pipeline.Misconfiguredf(settingPath, "%s: %w: let the worker's user read below %s", attempted, err, f.dir)
	case errors.Is(err, errNoFile):
		return pipeline.Faultf(pipeline.BadData, "%s: %w: put a file there, or remove the name", attempted, err)
	}
	return pipeline.Faultf(pipeline.Transient, "%s: %w", attempted, err)
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func canceled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// hidden names are of files that are still being written, and of what tools
// leave beside data (_SUCCESS, .crc).
func hidden(base string) bool {
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || strings.HasSuffix(base, ".tmp")
}
