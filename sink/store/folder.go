package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// folder is a store on this machine's disk. What it reports as done is on the
// disk: files and the folders' entries are synced.
type folder struct {
	dir     string
	setting string // that names dir, for errors
}

var _ Store = folder{}

func (f folder) Location(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(f.Location(name))
}

func (f folder) Local(_ context.Context, name string) (string, func(), error) {
	path := f.Location(name)
	_, err := os.Stat(path)
	return path, func() {}, err
}

func (f folder) Stamp(_ context.Context, name string) (string, error) {
	info, err := os.Lstat(f.Location(name))
	if err != nil {
		return "", err
	}
	stamp := fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		stamp += fmt.Sprint(" ", st.Dev, " ", st.Ino)
	}
	return stamp, nil
}

func (f folder) Put(_ context.Context, name string, src io.Reader) error {
	path := f.Location(name)
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, src)
	return errors.Join(err, out.Sync(), out.Close())
}

func (f folder) Seal(_ context.Context, dir string) error { return syncDir(f.Location(dir)) }

// Create makes the file by link(2), which fails if the name is taken.
func (f folder) Create(_ context.Context, name, by string, data []byte, step func(string)) (bool, error) {
	path := f.Location(name)
	if err := makeDir(filepath.Dir(path)); err != nil {
		return false, err
	}
	tmp := filepath.Join(filepath.Dir(path), by+TmpSuffix)
	defer func() { _ = os.Remove(tmp) }() // its other name is the commit; left behind by a crash, Cleanup takes it
	if err := writeSynced(tmp, data); err != nil {
		return false, err
	}
	step("written")
	if err := os.Link(tmp, path); err != nil {
		return false, err
	}
	return false, syncDir(filepath.Dir(path))
}

func (f folder) Replace(_ context.Context, name string, data []byte) error {
	path := f.Location(name)
	tmp, err := os.CreateTemp(filepath.Dir(path), "*"+TmpSuffix)
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Arrange renames: of several processes exactly one does.
func (f folder) Arrange(_ context.Context, moves []Move, step func(string)) error {
	touched := map[string]bool{}
	for _, m := range moves {
		from, to := f.Location(m.From), f.Location(m.To)
		if err := rename(from, to); err != nil {
			return fmt.Errorf("move %s: %w", from, err)
		}
		touched[filepath.Dir(to)] = true
		if !strings.HasPrefix(m.From, PendingDir+"/") { // that folder goes away anyway
			touched[filepath.Dir(from)] = true
		}
		step("moved")
	}
	return syncDirs(touched)
}

func (f folder) Remove(_ context.Context, names []string) error {
	touched := map[string]bool{}
	for _, name := range names {
		path := f.Location(name)
		there, err := exists(path) // asked first: a reader of a read-only folder has nothing to do
		if there {
			err = os.Remove(path)
		}
		if err != nil && !IsGone(err) {
			return err
		}
		touched[filepath.Dir(path)] = true
	}
	if err := syncDirs(touched); err != nil {
		return err
	}
	// Folders that are empty now go; one that can't be removed hurts nobody.
	for dir := range touched {
		_ = os.Remove(dir)
	}
	return nil
}

func (f folder) Drop(_ context.Context, dir string) error { return os.RemoveAll(f.Location(dir)) }

func (f folder) Walk(ctx context.Context, dir string, fn func(name string) error) error {
	top := f.Location(dir)
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case err != nil && path == top && IsGone(err):
			return nil // nothing was committed yet
		case err != nil:
			return f.Fault(err, "list "+path)
		case d.IsDir() && path != top && strings.HasPrefix(d.Name(), "_"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(d.Name(), DataSuffix):
			return nil
		}
		rel, err := filepath.Rel(f.dir, path)
		if err != nil {
			return err
		}
		return fn(filepath.ToSlash(rel))
	})
}

func (f folder) Leftovers(_ context.Context, dir string, since time.Time) ([]string, error) {
	entries, err := os.ReadDir(f.Location(dir))
	if IsGone(err) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		info, err := e.Info()
		if IsGone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.ModTime().After(since) {
			out = append(out, dir+"/"+e.Name())
		}
	}
	return out, err
}

func (f folder) Remote() bool { return false }

// Ready has nothing to say of a folder: one that isn't there is made.
func (f folder) Ready(context.Context) error { return nil }

func (f folder) Close() error { return nil }

// Fault is the one place where errors of the operating system get their kind.
func (f folder) Fault(err error, attempted string) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*pipeline.Fault)):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return pipeline.Faultf(pipeline.Transient,
			"%s: %w: free space where %s points (setting: %s), the next attempt goes on", attempted, err, f.dir, f.setting)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return pipeline.Misconfiguredf(f.setting,
			"%s: %w: let the worker's user write below %s, or choose another folder", attempted, err, f.dir)
	case errors.Is(err, syscall.ENOTDIR):
		return pipeline.Misconfiguredf(f.setting, "%s: %w: a part of path %s is a file, not a folder", attempted, err, f.dir)
	case errors.Is(err, errors.ErrUnsupported):
		return pipeline.Misconfiguredf(f.setting,
			"%s: %w: the file system at %s must know hard links, which make commits atomic", attempted, err, f.dir)
	default:
		return pipeline.Faultf(pipeline.Transient, "%s: %w", attempted, err)
	}
}

// renameAttempts bounds how often another process may clear an empty target
// folder away under a rename.
const renameAttempts = 100

// rename moves a file, unless that is done already.
func rename(from, to string) error {
	var err error
	for range renameAttempts {
		there, statErr := exists(from)
		if statErr != nil || !there {
			return statErr
		}
		if err = makeDir(filepath.Dir(to)); err == nil {
			err = os.Rename(from, to)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

func syncDirs(dirs map[string]bool) error {
	for dir := range dirs {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}
