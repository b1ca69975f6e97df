package devstack

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// TestMain lets the test binary play a parent that dies: see
// TestAChildDiesWithAParentThatIsKilled.
func TestMain(m *testing.M) {
	if fifo := os.Getenv("DEVSTACK_TEST_PARENT_OF"); fifo != "" {
		p, err := StartProcess(holder(fifo, filepath.Join(filepath.Dir(fifo), "child.log")))
		if err != nil {
			panic(err)
		}
		_ = p.Wait()
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestAFreePortIsFine(t *testing.T) {
	require.NoError(t, CheckPort("127.0.0.1:0", "TEMPORAL_PORT"))
}

func TestAPortInUseNamesThePortAndItsSetting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })

	err = CheckPort(l.Addr().String(), "TEMPORAL_UI_PORT")
	require.ErrorContains(t, err, l.Addr().String())
	require.ErrorContains(t, err, "set TEMPORAL_UI_PORT to a free port")
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
}

func TestAnAddressThatCannotBeListenedOnNamesItsSetting(t *testing.T) {
	err := CheckPort("127.0.0.1:99999", "TEMPORAL_PORT")
	require.ErrorContains(t, err, "setting: TEMPORAL_PORT")
}

func TestBuiltToolsGoToTheCacheFolder(t *testing.T) {
	t.Setenv("HOME", "/h")
	t.Setenv("XDG_CACHE_HOME", "")
	dir, err := DefaultBinDir()
	require.NoError(t, err)
	require.Equal(t, "/h/.cache/adp/bin", dir)

	t.Setenv("XDG_CACHE_HOME", "/c")
	dir, err = DefaultBinDir()
	require.NoError(t, err)
	require.Equal(t, "/c/adp/bin", dir)
}
