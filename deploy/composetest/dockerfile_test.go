package composetest

import (
	"go/version"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instructions of the Dockerfile, continued lines joined.
func instructions(t *testing.T) [][]string {
	t.Helper()
	text := strings.ReplaceAll(read(t, "../../Dockerfile"), "\\\n", " ")
	var all [][]string
	for _, line := range strings.Split(text, "\n") {
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			all = append(all, words)
		}
	}
	if len(all) == 0 {
		t.Fatal("the Dockerfile has no instructions")
	}
	return all
}

func TestTheDockerfileCopiesWhatExists(t *testing.T) {
	for _, words := range instructions(t) {
		if words[0] != "COPY" || slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "--from=") }) {
			continue
		}
		for _, src := range words[1 : len(words)-1] {
			found, err := filepath.Glob(filepath.Join("../..", src))
			if err != nil || len(found) == 0 {
				t.Errorf("COPY %s: nothing is there (%v)", src, err)
			}
		}
	}
}

func TestTheDockerfileHasTheStagesThatTheComposeFileBuilds(t *testing.T) {
	stages := map[string]bool{}
	for _, words := range instructions(t) {
		if words[0] == "FROM" && len(words) == 4 {
			stages[words[3]] = true
		}
	}
	for name, s := range load(t).Services {
		if s.Build != nil && !stages[s.Build.Target] {
			t.Errorf("%s is built from stage %q, which the Dockerfile lacks", name, s.Build.Target)
		}
	}
}

func TestThePublicStagesRunAsNobody(t *testing.T) {
	stage, user := "", map[string]string{}
	for _, words := range instructions(t) {
		switch words[0] {
		case "FROM":
			stage = words[len(words)-1]
			user[stage] = user[words[1]]
		case "USER":
			user[stage] = words[1]
		}
	}
	for _, name := range []string{"worker", "starter"} {
		if u := user[name]; u == "" || strings.HasPrefix(u, "0") || u == "root" {
			t.Errorf("stage %s runs as user %q", name, u)
		}
	}
}

func TestTheImagesGoIsNotOlderThanTheModules(t *testing.T) {
	m := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "../../go.mod"))
	if m == nil {
		t.Fatal("go.mod names no Go version")
	}
	for _, words := range instructions(t) {
		image, ok := strings.CutPrefix(words[min(1, len(words)-1)], "golang:")
		if words[0] != "FROM" || !ok {
			continue
		}
		if got, _, _ := strings.Cut(image, "-"); version.Compare("go"+got, "go"+m[1]) < 0 {
			t.Errorf("the image builds with Go %s, go.mod needs %s", got, m[1])
		}
	}
}
