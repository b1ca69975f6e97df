package devstack

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const (
	goodTemporal = `echo "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"`
	// A `go install` that has something to say and makes a program.
	goodGo = `
echo "go: downloading go.temporal.io/api v1.53.0" >&2
echo "github.com/temporalio/cli/cmd/temporal" >&2
printf '#!/bin/sh\necho "temporal version 0.0.0-DEV (Server 9.9.9, UI 1.0.0)"\n' > "$GOBIN/temporal"
/bin/chmod +x "$GOBIN/temporal"`
	badGo = `echo "go: downloading a v1" >&2; echo "go: github.com/temporalio/cli: dial tcp: lookup modules.example: no such host" >&2; exit 1`
)

// onPath makes PATH one folder that holds these scripts alone.
func onPath(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range scripts {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	}
	t.Setenv("PATH", dir)
	return dir
}

func TestTheTemporalOnThePathIsTaken(t *testing.T) {
	dir := onPath(t, map[string]string{"temporal": goodTemporal, "go": "exit 9"})
	path, err := EnsureTemporal(t.Context(), t.TempDir(), &bytes.Buffer{})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "temporal"), path)
}

func TestWithoutATemporalOneIsBuilt(t *testing.T) {
	onPath(t, map[string]string{"go": goodGo})
	bin := filepath.Join(t.TempDir(), "made", "bin")
	var out bytes.Buffer
	path, err := EnsureTemporal(t.Context(), bin, &out)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(bin, "temporal"), path)
	require.Contains(t, out.String(), "building github.com/temporalio/cli/cmd/temporal@"+TemporalVersion)
	require.Contains(t, out.String(), "about 5 minutes")
	require.Contains(t, out.String(), "built "+path)
}

func TestAFolderMayBeRelative(t *testing.T) {
	onPath(t, map[string]string{"go": `case "$GOBIN" in /*) ;; *) echo "cannot install, GOBIN must be an absolute path" >&2; exit 1 ;; esac
` + goodGo})
	t.Chdir(t.TempDir())
	path, err := EnsureTemporal(t.Context(), "bin", &bytes.Buffer{})
	require.NoError(t, err)
	require.FileExists(t, filepath.Join("bin", "temporal"))
	require.True(t, filepath.IsAbs(path))
}

func TestATemporalOfAnotherVersionInTheFolderIsBuiltAnewAlsoWhenTheFolderIsOnThePath(t *testing.T) {
	bin := onPath(t, map[string]string{"temporal": goodTemporal, "go": goodGo})
	var out bytes.Buffer
	path, err := EnsureTemporal(t.Context(), bin, &out)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(bin, "temporal"), path)
	require.Contains(t, out.String(), "built "+path)
}

func TestATemporalOnThePathThatDoesNotRunIsToldAndReplaced(t *testing.T) {
	tests := map[string]struct{ script, says string }{
		"it fails":                          {"echo cannot execute; exit 126", "cannot execute"},
		"it is some other program":          {"echo temporal 3, a calendar", "isn't Temporal's command line"},
		"it has no server, as old ones had": {"echo temporal version 0.9.0", "has no development server"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			onPath(t, map[string]string{"temporal": tc.script, "go": goodGo})
			bin := t.TempDir()
			var out bytes.Buffer
			path, err := EnsureTemporal(t.Context(), bin, &out)
			require.NoError(t, err)
			require.Equal(t, filepath.Join(bin, "temporal"), path)
			require.Contains(t, out.String(), tc.says)
		})
	}
}

func TestWithoutGoTheErrorSaysWhatToInstall(t *testing.T) {
	onPath(t, nil)
	_, err := EnsureTemporal(t.Context(), t.TempDir(), &bytes.Buffer{})
	require.ErrorContains(t, err, "install Go, or put a `temporal` on PATH")
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
}

func TestABuildThatFailsQuotesTheCompilerNotTheDownloads(t *testing.T) {
	onPath(t, map[string]string{"go": badGo})
	_, err := EnsureTemporal(t.Context(), t.TempDir(), &bytes.Buffer{})
	require.ErrorContains(t, err, "no such host")
	require.ErrorContains(t, err, "GOPROXY")
	require.NotContains(t, err.Error(), "downloading a v1")
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
}

func TestABuildEndsWithItsContext(t *testing.T) {
	onPath(t, map[string]string{"go": "exec /bin/sleep 600"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := EnsureTemporal(ctx, t.TempDir(), &bytes.Buffer{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestOnlyTheExactModuleAndVersionArePinned(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	info, err := buildinfo.ReadFile(self)
	require.NoError(t, err)

	require.True(t, pinned(self, info.Main.Path, info.Main.Version))
	require.False(t, pinned(self, info.Main.Path, "v0.0.1"))
	require.False(t, pinned(self, "example.com/other", info.Main.Version))
	require.False(t, pinned(filepath.Join(t.TempDir(), "none"), info.Main.Path, info.Main.Version))
}
