package parquet

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// root is one of the two folders that the sink writes to, with the setting
// that names it.
type root struct {
	dir     string
	setting string
}

// fault says what a file operation's error means for the pipeline. It is the
// one place where errors of the operating system get their kind.
func (r root) fault(err error, attempted string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return pipeline.Faultf(pipeline.Transient,
			"%s: %w: free space where %s points (setting: %s), the next attempt goes on", attempted, err, r.dir, r.setting)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return pipeline.Misconfiguredf(r.setting,
			"%s: %w: let the worker's user write below %s, or choose another folder", attempted, err, r.dir)
	case errors.Is(err, syscall.ENOTDIR):
		return pipeline.Misconfiguredf(r.setting, "%s: %w: a part of path %s is a file, not a folder", attempted, err, r.dir)
	case errors.Is(err, errors.ErrUnsupported):
		return pipeline.Misconfiguredf(r.setting,
			"%s: %w: the file system at %s must know hard links, which make commits atomic", attempted, err, r.dir)
	default:
		return pipeline.Faultf(pipeline.Transient, "%s: %w", attempted, err)
	}
}

// bugf is a caller's mistake: nothing was changed.
func bugf(format string, args ...any) error {
	return pipeline.Faultf(pipeline.Bug, format, args...)
}
