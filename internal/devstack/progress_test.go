package devstack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const buildOutput = `go: downloading github.com/temporalio/cli v1.5.1
go: downloading go.temporal.io/api v1.53.0
internal/goarch
golang.org/x/net/http2
go.temporal.io/server/temporal
# go.temporal.io/server/temporal
temporal/server.go:12:2: undefined: nothing
`

func TestProgressCountsModulesAndPackagesAndKeepsTheRest(t *testing.T) {
	for size := range len(buildOutput) {
		var b buildProgress
		for rest := buildOutput; rest != ""; {
			n := min(size+1, len(rest))
			_, err := fmt.Fprint(&b, rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.Equal(t, "2 modules downloaded, 3 of about 1300 packages compiled", b.String(), "cut every %d bytes", size+1)
		require.Equal(t, "# go.temporal.io/server/temporal\ntemporal/server.go:12:2: undefined: nothing\n", b.problems())
	}
}

func TestProgressKeepsTheLastLinesOfALongFailure(t *testing.T) {
	var b buildProgress
	for i := range 100 {
		fmt.Fprintf(&b, "problem %d\n", i)
	}
	fmt.Fprint(&b, "and a line cut off")
	lines := strings.Split(b.problems(), "\n")
	require.Len(t, lines, keptLines+1)
	require.Equal(t, "problem 85", lines[0])
	require.Equal(t, "and a line cut off", lines[keptLines])
}

func TestATerminalGetsOneLineAndALogOneLineEach(t *testing.T) {
	require.Equal(t, "x: 3 packages, 1m5s\n", progressLine("x", "3 packages", 65*time.Second, false))
	require.Equal(t, "\r\033[Kx: 3 packages, 1m5s", progressLine("x", "3 packages", 65*time.Second, true))
}
