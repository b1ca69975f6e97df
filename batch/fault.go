package batch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const dataDir = "DATA_DIR" // the setting that says where staging is

// diskFault says what a failed write to staging needs: space, another folder,
// or another try.
func diskFault(doing, path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &pipeline.Fault{Kind: pipeline.Transient, Setting: dataDir,
			Err: fmt.Errorf("%s %s: %w; free space on that disk, or point the setting to a larger one", doing, path, err)}
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS):
		return pipeline.Misconfiguredf(dataDir, "%s %s: %w; the worker must be able to write there", doing, path, err)
	}
	return &pipeline.Fault{Kind: pipeline.Transient, Setting: dataDir, Err: fmt.Errorf("%s %s: %w", doing, path, err)}
}

// stagedFault says that a staged file, which an earlier step wrote, is not
// what it was.
func stagedFault(path string, err error) error {
	return &pipeline.Fault{Kind: pipeline.Bug, Setting: dataDir,
		Err: fmt.Errorf("read back staged file %s: %w; every worker must see the same folder, and nothing else may change it", path, err)}
}

// stagedFile is what staging needs of a file. Tests fill up the disk here.
type stagedFile interface {
	io.Writer
	Name() string
	Sync() error
	Close() error
}

// disk makes the files of a staging folder.
type disk struct {
	create func(path string) (stagedFile, error)
}

func realDisk() disk {
	return disk{create: func(path string) (stagedFile, error) {
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	}}
}

// tempSuffix ends the names of files that aren't whole yet.
const tempSuffix = ".tmp"

// tempAge is how old a leftover temporary file must be to be removed: far
// older than anything that a twin of this attempt may still be writing.
const tempAge = 24 * time.Hour

// tempName is a name beside path that no other attempt uses.
func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-"+rand.Text()+tempSuffix)
}

// prepare makes the folder and clears what crashed attempts left in it long
// ago. It deletes no whole file: a twin of this job writes the same names.
func prepare(dir string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return diskFault("make the staging folder", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return diskFault("list the staging folder", dir, err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), tempSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > tempAge {
			_ = os.Remove(filepath.Join(dir, e.Name())) // a twin may have been faster
		}
	}
	return nil
}

// write replaces a small file as a whole.
func (d disk) write(path string, fill func(io.Writer) error) error {
	f, err := d.create(tempName(path))
	if err != nil {
		return diskFault("make staged file", path, err)
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // best effort: the error below is what counts
		return diskFault("write staged file", path, err)
	}
	return nil
}

// syncDir makes renames in the folder survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return diskFault("open the staging folder", dir, err)
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return diskFault("sync the staging folder", dir, err)
	}
	return nil
}
