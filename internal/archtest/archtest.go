// Package archtest holds the import rules of the tree as tables, each with its
// reason, and checks them against what `go list` says. It looks at programs
// and their packages; what tests import is free.
package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// Module is the path that package names in the tables are below.
const Module = "github.com/autonomous-data-pipeline/adp"

// Package is what `go list` says of one package. Names in this module are
// short: "sink/parquet".
type Package struct {
	Name    string
	Doc     string // first sentence of the package comment
	Imports []string
}

// Allow lists everything of this module that a package may import. The most
// exact rule that fits a package is its only one.
type Allow struct {
	Who    string   // pattern
	May    []string // patterns
	Reason string
}

// Ban forbids imports, of this module, of others or of the standard library.
type Ban struct {
	Who    []string // patterns
	Except []string // patterns
	What   []string // patterns
	Reason string
}

// Rules are the tables together.
type Rules struct {
	Allow   []Allow
	Bans    []Ban
	Planned []string // packages that rules name before they exist
}

// Match reports whether a pattern fits a package: "x/..." is x and everything
// below, "x/*" what is directly below, "*test" a name that ends in test,
// "*.*/..." everything of other modules.
func Match(pattern, name string) bool {
	if base, below := strings.CutSuffix(pattern, "/..."); below {
		pattern, name = base, head(name, strings.Count(base, "/")+1)
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// head is the first n elements of a path.
func head(name string, n int) string {
	parts := strings.Split(name, "/")
	return strings.Join(parts[:min(n, len(parts))], "/")
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Match(p, name) })
}

// Load asks `go list` for the module's packages in and below a folder.
func Load(dir string) ([]Package, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Doc,Imports", "./...")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []Package
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath, Dir, Doc string
			Imports              []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		// Looking at the folder makes `go test` run this again when a file in
		// it has changed; it doesn't see what a child process reads.
		if _, err := os.ReadDir(p.Dir); err != nil {
			return nil, err
		}
		pkg := Package{Name: short(p.ImportPath), Doc: p.Doc}
		for _, i := range p.Imports {
			pkg.Imports = append(pkg.Imports, short(i))
		}
		all = append(all, pkg)
	}
}

func short(importPath string) string { return strings.TrimPrefix(importPath, Module+"/") }

// Check gives every breach, and every rule that has lost its object.
func Check(rules Rules, packages []Package) []string {
	own := map[string]bool{}
	for _, p := range packages {
		own[p.Name] = true
	}
	var problems []string
	for _, p := range packages {
		problems = append(problems, checkAllow(rules.Allow, p, own)...)
		problems = append(problems, checkBans(rules.Bans, p)...)
	}
	return append(problems, checkNames(rules, packages)...)
}

func checkAllow(allow []Allow, p Package, own map[string]bool) []string {
	rule, ok := ruleOf(allow, p.Name)
	if !ok {
		return []string{fmt.Sprintf("%s has no rule: say in internal/archtest what it may import, and why", p.Name)}
	}
	var problems []string
	for _, i := range p.Imports {
		if own[i] && !matchAny(rule.May, i) {
			problems = append(problems, fmt.Sprintf("%s imports %s: %s", p.Name, i, rule.Reason))
		}
	}
	return problems
}

// ruleOf prefers a name to a pattern, and else the first in the table.
func ruleOf(allow []Allow, name string) (Allow, bool) {
	var found Allow
	for _, a := range allow {
		if a.Who == name {
			return a, true
		}
		if found.Who == "" && Match(a.Who, name) {
			found = a
		}
	}
	return found, found.Who != ""
}

func checkBans(bans []Ban, p Package) []string {
	var problems []string
	for _, b := range bans {
		if !matchAny(b.Who, p.Name) || matchAny(b.Except, p.Name) {
			continue
		}
		for _, i := range p.Imports {
			if matchAny(b.What, i) {
				problems = append(problems, fmt.Sprintf("%s imports %s: %s", p.Name, i, b.Reason))
			}
		}
	}
	return problems
}

// checkNames finds patterns that fit nothing any more, and planned packages
// that exist by now.
func checkNames(rules Rules, packages []Package) []string {
	known := map[string]bool{}
	for _, p := range packages {
		known[p.Name] = true
	}
	var problems []string
	for _, name := range rules.Planned {
		if known[name] {
			problems = append(problems, fmt.Sprintf("%s exists: take it out of the planned packages", name))
		}
		known[name] = true
	}
	for _, p := range packages {
		for _, i := range p.Imports {
			known[i] = true
		}
	}
	for _, pattern := range rules.patterns() {
		fits := false
		for name := range known {
			fits = fits || Match(pattern, name)
		}
		if !fits {
			problems = append(problems, fmt.Sprintf("a rule names %s, which no package is or imports: change the rule, or list it as planned", pattern))
		}
	}
	return problems
}

func (r Rules) patterns() []string {
	var all []string
	for _, a := range r.Allow {
		all = append(append(all, a.Who), a.May...)
	}
	for _, b := range r.Bans {
		all = append(append(append(all, b.Who...), b.Except...), b.What...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
