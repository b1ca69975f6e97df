package archtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

func TestTheTreeKeepsItsImportRules(t *testing.T) {
	packages, err := Load(root)
	require.NoError(t, err)
	require.NotEmpty(t, packages)
	require.Empty(t, Check(TheRules, packages))
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	packages, err := Load(root)
	require.NoError(t, err)
	for _, p := range packages {
		if !strings.HasPrefix(p.Doc, "Package ") && !strings.HasPrefix(p.Doc, "Command ") {
			t.Errorf("%s: its package comment is %q, want one that begins with Package or Command", p.Name, p.Doc)
		}
	}
}

func TestEveryRuleHasAReason(t *testing.T) {
	for _, a := range TheRules.Allow {
		require.NotEmpty(t, a.Reason, a.Who)
	}
	for _, b := range TheRules.Bans {
		require.NotEmpty(t, b.Reason, b.What)
	}
}

func TestCheck(t *testing.T) {
	rules := Rules{
		Allow: []Allow{
			{"low", nil, "low knows nobody"},
			{"high", []string{"low", "high/*"}, "high knows low"},
			{"high/*", []string{"low"}, "drivers know low"},
			{"high/odd", []string{"high"}, "odd knows high"},
		},
		Bans: []Ban{{[]string{"low", "high"}, []string{"high"}, []string{"os/..."}, "no files"}},
	}
	// sound keeps all rules, and gives each of them an object.
	sound := func() []Package {
		return []Package{
			{Name: "low", Imports: []string{"fmt"}},
			{Name: "high", Imports: []string{"low", "high/one", "os", "example.com/x"}},
			{Name: "high/one", Imports: []string{"low"}},
			{Name: "high/odd", Imports: []string{"high"}},
		}
	}
	tests := map[string]struct {
		change func(r *Rules, p []Package) []Package
		want   []string
	}{
		"a tree that keeps the rules is quiet": {func(_ *Rules, p []Package) []Package { return p }, nil},
		"an import that isn't allowed is told with its reason": {func(_ *Rules, p []Package) []Package {
			p[0].Imports = append(p[0].Imports, "high")
			return p
		}, []string{"low imports high: low knows nobody"}},
		"a name goes before a pattern": {func(_ *Rules, p []Package) []Package {
			p[3].Imports = append(p[3].Imports, "low")
			return p
		}, []string{"high/odd imports low: odd knows high"}},
		"a ban reaches what is below, but not the exceptions": {func(_ *Rules, p []Package) []Package {
			p[0].Imports, p[1].Imports = append(p[0].Imports, "os/exec"), append(p[1].Imports, "os/exec")
			return p
		}, []string{"low imports os/exec: no files"}},
		"a package without a rule is told": {func(_ *Rules, p []Package) []Package {
			return append(p, Package{Name: "new"})
		}, []string{"new has no rule: say in internal/archtest what it may import, and why"}},
		"a rule whose package has vanished is told": {func(_ *Rules, p []Package) []Package {
			return p[:3]
		}, []string{"a rule names high/odd, which no package is or imports: change the rule, or list it as planned"}},
		"a planned package may be absent": {func(r *Rules, p []Package) []Package {
			r.Planned = []string{"high/odd"}
			return p[:3]
		}, nil},
		"a planned package that exists is told": {func(r *Rules, p []Package) []Package {
			r.Planned = []string{"high/odd"}
			return p
		}, []string{"high/odd exists: take it out of the planned packages"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := rules
			packages := tc.change(&r, sound())
			require.Equal(t, tc.want, Check(r, packages))
		})
	}
}

func TestMatch(t *testing.T) {
	tests := map[string]struct {
		pattern, name string
		want          bool
	}{
		"a name is itself":              {"sink", "sink", true},
		"a name isn't what is below":    {"sink", "sink/parquet", false},
		"a star is one level":           {"sink/*", "sink/parquet", true},
		"a star isn't the parent":       {"sink/*", "sink", false},
		"a star isn't two levels":       {"*/*", "go.temporal.io/sdk/worker", false},
		"a suffix":                      {"sink/*test", "sink/sinktest", true},
		"another suffix":                {"sink/*test", "sink/parquet", false},
		"dots are the package itself":   {"os/...", "os", true},
		"dots are everything below":     {"os/...", "os/exec", true},
		"dots aren't a longer name":     {"os/...", "osx/exec", false},
		"a module of others has a dot":  {"*.*/...", "example.com/a/b", true},
		"the standard library has none": {"*.*/...", "encoding/json", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, Match(tc.pattern, tc.name))
		})
	}
}
