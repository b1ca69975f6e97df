package devstack

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// temporalPackages is how many packages the pinned version compiles where
// nothing is cached.
const temporalPackages = 1300

// keptLines is how many lines of a failed build its error quotes.
const keptLines = 15

// buildProgress counts what `go install -v` prints: a line a module downloaded
// and a line a package compiled. Everything else is kept for the error.
type buildProgress struct {
	mu       sync.Mutex
	partial  []byte
	packages int
	modules  int
	other    []string // the last keptLines lines that aren't progress
}

// Write takes output as it comes, cut anywhere.
func (b *buildProgress) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.partial = append(b.partial, p...)
	for {
		line, rest, ok := bytes.Cut(b.partial, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		b.count(strings.TrimSpace(string(line)))
		b.partial = append([]byte(nil), rest...)
	}
}

func (b *buildProgress) count(line string) {
	switch {
	case line == "":
	case strings.HasPrefix(line, "go: downloading "):
		b.modules++
	case !strings.ContainsAny(line, " :"): // an import path has neither
		b.packages++
	default:
		b.other = append(b.other, line)
		b.other = b.other[max(0, len(b.other)-keptLines):]
	}
}

// String is the progress so far, for one line.
func (b *buildProgress) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%d modules downloaded, %d of about %d packages compiled", b.modules, b.packages, temporalPackages)
}

// problems are the lines that aren't progress.
func (b *buildProgress) problems() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(append(b.other, string(b.partial)), "\n")
}

// The times between two reports: to a person who looks, and to a log.
const (
	terminalEvery = 500 * time.Millisecond
	logEvery      = 10 * time.Second
)

// report prints what until done is closed: over one line again and again on a
// terminal, a line each time elsewhere.
func report(out io.Writer, what string, progress fmt.Stringer, done <-chan struct{}) {
	f, ok := out.(*os.File)
	terminal := ok && isatty.IsTerminal(f.Fd())
	every := logEvery
	if terminal {
		every = terminalEvery
	}
	start, tick := time.Now(), time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			if terminal {
				fmt.Fprint(out, "\r\033[K")
			}
			return
		case <-tick.C:
			fmt.Fprint(out, progressLine(what, progress.String(), time.Since(start), terminal))
		}
	}
}

func progressLine(what, progress string, elapsed time.Duration, terminal bool) string {
	line := fmt.Sprintf("%s: %s, %v", what, progress, elapsed.Round(time.Second))
	if terminal {
		return "\r\033[K" + line
	}
	return line + "\n"
}
