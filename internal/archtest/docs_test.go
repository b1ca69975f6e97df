package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	docTarget  = regexp.MustCompile("(?m)(?:^|`|&& )(?:[A-Z_]+=\\S+ )?make ([a-z][a-z-]*)")
	docLink    = regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	makeHelped = regexp.MustCompile(`(?m)^([a-z][a-z-]*):.*## \S`)
	makePhony  = regexp.MustCompile(`(?m)^\.PHONY: ([a-z][a-z-]*)$`)
)

// names are what a rule finds, as a set.
func names(rule *regexp.Regexp, text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range rule.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return found
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(b)
}

// documents are the Markdown files at the top and below docs/.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, f := range found {
			all = append(all, strings.TrimPrefix(f, root+"/"))
		}
	}
	require.Contains(t, all, "CONTRIBUTING.md")
	return all
}

func TestTheDocumentsNameMakeTargetsThatExist(t *testing.T) {
	targets := names(makeTarget, readFile(t, "Makefile"))
	for _, doc := range documents(t) {
		for target := range names(docTarget, readFile(t, doc)) {
			if !targets[target] {
				t.Errorf("%s: there is no `make %s`", doc, target)
			}
		}
	}
}

func TestTheDocumentsLinkToFilesThatExist(t *testing.T) {
	for _, doc := range documents(t) {
		for link := range names(docLink, readFile(t, doc)) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(doc), link)); err != nil {
				t.Errorf("%s: link to %s: %v", doc, link, err)
			}
		}
	}
}

func TestEveryMakeTargetIsPhonyAndInTheHelp(t *testing.T) {
	makefile := readFile(t, "Makefile")
	helped, phony := names(makeHelped, makefile), names(makePhony, makefile)
	for target := range names(makeTarget, makefile) {
		if !phony[target] {
			t.Errorf("make %s: a file of that name would stop it; declare it .PHONY", target)
		}
		if !helped[target] && target != "docker" { // which others need, and nobody calls
			t.Errorf("make %s: its line has no ## that says what it does", target)
		}
	}
}
