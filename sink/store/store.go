// Package store puts files into a folder or into object storage, the same way: new
// names, one that only one of many writers gets, and moves that may be repeated.
// Sinks commit with it.
package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"
)

// Store is where one root's files lie: a folder, or a prefix of a bucket. Names
// are relative and slashed. A name that isn't there is fs.ErrNotExist; other
// errors are the store's own, and fault gives them their kind.
type Store interface {
	// Location is how callers see a name: a path, or a URL.
	Location(name string) string

	// Open streams a file.
	Open(ctx context.Context, name string) (io.ReadCloser, error)

	// Local brings a file to a local path; done takes that away again.
	Local(ctx context.Context, name string) (path string, done func(), err error)

	// Stamp tells a file from another one under the same name.
	Stamp(ctx context.Context, name string) (string, error)

	// Put writes a file under a new name, whole once it returns.
	Put(ctx context.Context, name string, src io.Reader) error

	// Seal makes what was put below a folder durable.
	Seal(ctx context.Context, dir string) error

	// Create writes a file under a name that nobody else has written, or is
	// fs.ErrExist: the commit. by is unique to the caller. After any other error
	// with unsure set, the file may still come to be.
	Create(ctx context.Context, name, by string, data []byte, step func(string)) (unsure bool, err error)

	// Replace writes a file over whatever is there.
	Replace(ctx context.Context, name string, data []byte) error

	// Arrange gives files new names, durably. A file that isn't under its old
	// name has been moved before.
	Arrange(ctx context.Context, moves []Move, step func(string)) error

	// Remove removes files, if they are there, durably.
	Remove(ctx context.Context, names []string) error

	// Drop removes everything below a folder.
	Drop(ctx context.Context, dir string) error

	// Walk calls fn for every visible data file below a folder, in order.
	Walk(ctx context.Context, dir string, fn func(name string) error) error

	// Leftovers lists what lies directly below a folder and hasn't changed since.
	Leftovers(ctx context.Context, dir string, since time.Time) ([]string, error)

	// Remote reports whether an error may come from the network, and pass.
	Remote() bool

	// Ready reports what keeps the store from being used at all, if it is the
	// store: no such bucket, no access.
	Ready(ctx context.Context) error

	// Fault says what an error means for the pipeline, and what to do.
	Fault(err error, attempted string) error

	Close() error
}

// Move gives a file another name.
type Move struct{ From, To string }

// Has reports whether a name is taken.
func Has(ctx context.Context, s Store, name string) (bool, error) {
	_, err := s.Stamp(ctx, name)
	if IsGone(err) {
		return false, nil
	}
	return err == nil, err
}

// ReadFile reads a small file whole.
func ReadFile(ctx context.Context, s Store, name string) ([]byte, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// NameIn is the name of a file that callers know by its location.
func NameIn(s Store, location string) string {
	return strings.TrimPrefix(strings.TrimPrefix(location, s.Location("")), "/")
}

// IsGone reports that there is no such file.
func IsGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
