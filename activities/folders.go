package activities

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// removing is the beginning of a folder's name while it is being removed.
const removing = ".removing-"

// subfolders lists a folder's folders; a folder that isn't there has none.
func subfolders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, diskFault("list", dir, err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// folder is what there is below a folder.
type folder struct {
	bytes  int64
	newest time.Time // when something last changed
}

func survey(ctx context.Context, dir string) (folder, error) {
	var f folder
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if !e.IsDir() {
			f.bytes += info.Size()
		}
		if info.ModTime().After(f.newest) {
			f.newest = info.ModTime()
		}
		return ctx.Err()
	})
	return f, err
}

// remove takes a folder away under another name first: stopped in the middle,
// it leaves no folder that looks whole and isn't.
func remove(dir, name string) error {
	if strings.HasPrefix(name, removing) {
		return os.RemoveAll(filepath.Join(dir, name))
	}
	gone := filepath.Join(dir, removing+name)
	if err := os.Rename(filepath.Join(dir, name), gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
}

func diskFault(what, path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return pipeline.Misconfiguredf("DATA_DIR", "%s %s: %w; the worker must be able to write there", what, path, err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return pipeline.Faultf(pipeline.Transient, "%s %s: %w (setting: DATA_DIR)", what, path, err)
}
