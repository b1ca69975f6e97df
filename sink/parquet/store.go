package parquet

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"
)

// store is where one root's files lie: a folder, or a prefix of a bucket. Names
// are relative and slashed. A name that isn't there is fs.ErrNotExist; other
// errors are the store's own, and fault gives them their kind.
type store interface {
	// location is how callers see a name: a path, or a URL.
	location(name string) string

	// open streams a file.
	open(ctx context.Context, name string) (io.ReadCloser, error)

	// local brings a file to a local path; done takes that away again.
	local(ctx context.Context, name string) (path string, done func(), err error)

	// stamp tells a file from another one under the same name.
	stamp(ctx context.Context, name string) (string, error)

	// put writes a file under a new name, whole once it returns.
	put(ctx context.Context, name string, src io.Reader) error

	// seal makes what was put below a folder durable.
	seal(ctx context.Context, dir string) error

	// create writes a file under a name that nobody else has written, or is
	// fs.ErrExist: the commit. by is unique to the caller. After any other error
	// with unsure set, the file may still come to be.
	create(ctx context.Context, name, by string, data []byte, step func(string)) (unsure bool, err error)

	// replace writes a file over whatever is there.
	replace(ctx context.Context, name string, data []byte) error

	// arrange gives files new names, durably. A file that isn't under its old
	// name has been moved before.
	arrange(ctx context.Context, moves []move, step func(string)) error

	// remove removes files, if they are there, durably.
	remove(ctx context.Context, names []string) error

	// drop removes everything below a folder.
	drop(ctx context.Context, dir string) error

	// walk calls fn for every visible data file below a folder, in order.
	walk(ctx context.Context, dir string, fn func(name string) error) error

	// leftovers lists what lies directly below a folder and hasn't changed since.
	leftovers(ctx context.Context, dir string, since time.Time) ([]string, error)

	// remote reports whether an error may come from the network, and pass.
	remote() bool

	// ready reports what keeps the store from being used at all, if it is the
	// store: no such bucket, no access.
	ready(ctx context.Context) error

	// fault says what an error means for the pipeline, and what to do.
	fault(err error, attempted string) error

	close() error
}

type move struct{ from, to string }

// has reports whether a name is taken.
func has(ctx context.Context, s store, name string) (bool, error) {
	_, err := s.stamp(ctx, name)
	if isGone(err) {
		return false, nil
	}
	return err == nil, err
}

// readFile reads a small file whole.
func readFile(ctx context.Context, s store, name string) ([]byte, error) {
	r, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// nameIn is the name of a file that callers know by its location.
func nameIn(s store, location string) string {
	return strings.TrimPrefix(strings.TrimPrefix(location, s.location("")), "/")
}

func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
