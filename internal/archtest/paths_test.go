package archtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// machinePath is an absolute path below a folder that only the author's
// machine has.
var machinePath = regexp.MustCompile(`(?:^|[^a-zA-Z0-9_./~-])/(?:home|root|work|workspace|Users)/[a-zA-Z0-9._-]`)

// pathsAllowed are files whose paths are of an image, not of a machine.
var pathsAllowed = []string{"Dockerfile"}

func TestNoFileNamesAPathOfTheAuthorsMachine(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("this isn't a git work tree, or there is no git: %v", err)
	}
	for _, name := range strings.Split(strings.Trim(string(out), "\x00"), "\x00") {
		if matchAny(pathsAllowed, filepath.Base(name)) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		require.NoError(t, err)
		if bytes.IndexByte(content, 0) >= 0 {
			continue // binary
		}
		if found := machinePath.Find(content); found != nil {
			t.Errorf("%s: %q is a path of one machine; use a relative path, or one that the reader chooses", name, found)
		}
	}
}

func TestMachinePath(t *testing.T) {
	slash := "/"
	tests := map[string]struct {
		text string
		want bool
	}{
		"a home folder":                   {"cd " + slash + "home/ana/x", true},
		"at the start":                    {slash + "root/x", true},
		"in quotes":                       {`"` + slash + `Users/ana"`, true},
		"an option's value":               {"--dir=" + slash + "workspace/a", true},
		"part of a URL":                   {"https://example.com/home/ana", false},
		"a relative path":                 {"docs" + slash + "home/x", false},
		"a longer name":                   {slash + "rootfs/x", false},
		"a pattern, such as the one here": {slash + "(home|root)/", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, machinePath.MatchString(tc.text))
		})
	}
}
