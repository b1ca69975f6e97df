package config_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/config"
)

// conditions are the agent's own, as its source declares them.
func conditions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"agent.go", "rule.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "agent", name), nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			if typ, ok := v.Type.(*ast.Ident); !ok || typ.Name != "Condition" {
				return true
			}
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			all = append(all, text)
			return true
		})
	}
	require.Contains(t, all, "rule_error")
	require.Contains(t, all, "healthy")
	return all
}

func TestEveryConditionThatCanOpenAnIncidentHasARunbook(t *testing.T) {
	c, err := config.FromEnv(func(string) string { return "" })
	require.NoError(t, err)
	folder := filepath.Join("..", "docs", "runbooks")
	index, err := os.ReadFile(filepath.Join(folder, "README.md"))
	require.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(folder, "*.md"))
	require.NoError(t, err)
	unused := map[string]bool{}
	for _, f := range left {
		unused[filepath.Base(f)] = true
	}
	delete(unused, "README.md")
	for _, name := range append(conditions(t), "own_action") {
		if name == "healthy" {
			require.Empty(t, c.Runbook(name))
			continue
		}
		require.True(t, strings.HasSuffix(c.Runbook(name), "/docs/runbooks/"+name+".md"), name)
		text, err := os.ReadFile(filepath.Join(folder, name+".md"))
		require.NoError(t, err)
		for _, part := range []string{"# " + name + "\n", "## What it means\n", "## Look at\n", "## Answer\n"} {
			require.Contains(t, string(text), part, name)
		}
		require.Contains(t, string(index), "("+name+".md)", "the list names it")
		delete(unused, name+".md")
	}
	require.Empty(t, unused, "runbooks of no condition")
}

func TestRunbooksOfOnesOwn(t *testing.T) {
	tests := map[string]struct {
		url, condition, want string
	}{
		"a slash at the end is one too many":       {"https://wiki.example/adp/", "source_gap", "https://wiki.example/adp/source_gap.md"},
		"conditions of rules are looked for there": {"https://wiki.example/adp", "black_friday", "https://wiki.example/adp/black_friday.md"},
		"this project has none for them":           {"", "black_friday", ""},
		"a name can't leave the folder":            {"https://wiki.example/adp", "../x?y", "https://wiki.example/adp/..%2Fx%3Fy.md"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := config.FromEnv(func(key string) string { return map[string]string{"RUNBOOK_URL": tc.url}[key] })
			require.NoError(t, err)
			require.Equal(t, tc.want, c.Runbook(tc.condition))
		})
	}
	for _, wrong := range []string{"wiki", "javascript:alert(1)", "ftp://wiki.example/"} {
		_, err := config.FromEnv(func(key string) string { return map[string]string{"RUNBOOK_URL": wrong}[key] })
		require.ErrorContains(t, err, "RUNBOOK_URL")
	}
}
