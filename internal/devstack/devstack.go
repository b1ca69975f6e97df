// Package devstack runs the programs that `make demo` and the integration
// tests need beside their own: Temporal's development server and any other
// child process. It builds the server once if the machine has none, starts
// children on 127.0.0.1 alone, and never lets one outlive its parent. It isn't
// for production.
package devstack

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// DefaultBinDir is where tools are built once for all work trees:
// $XDG_CACHE_HOME/adp/bin, or ~/.cache/adp/bin. The Makefile says the same.
func DefaultBinDir() (string, error) {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "adp", "bin"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", pipeline.Misconfiguredf("XDG_CACHE_HOME", "find a folder for built tools: %w", err)
	}
	return filepath.Join(home, ".cache", "adp", "bin"), nil
}

// CheckPort reports an address that can't be listened on as a misconfiguration
// of the setting that chose it. It holds the port for an instant only, so that
// another program may still be faster.
func CheckPort(addr, setting string) error {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return pipeline.Misconfiguredf(setting,
			"listen on %s: another program already does; stop it, or set %s to a free port", addr, setting)
	}
	if err != nil {
		return pipeline.Misconfiguredf(setting, "listen on %s: %w", addr, err)
	}
	return l.Close()
}
