package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATokenIsShownOnceAndRecorded(t *testing.T) {
	dir := t.TempDir()
	env := func(key string) string { return map[string]string{"DATA_DIR": dir, "USER": "ada"}[key] }
	run := func(args ...string) (int, string, string) {
		var out, errOut strings.Builder
		code := execute(t.Context(), args, env, &out, &errOut)
		return code, out.String(), errOut.String()
	}
	code, secret, said := run("token", "create", "ci", "--role", "operator")
	require.Equal(t, exitOK, code, said)
	secret = strings.TrimSpace(secret)
	require.Regexp(t, `^adp_[A-Za-z0-9_-]{43}$`, secret)
	require.Contains(t, said, "can't be shown again")

	for _, args := range [][]string{{"token", "create", "ci"}, {"token", "revoke", "nobody"}} {
		code, _, _ = run(args...)
		require.Equal(t, exitFailed, code, args)
	}
	for _, args := range [][]string{{"token", "create", "x", "--role", "root"}, {"token", "create", "a b"}, {"token", "create", "x", "--expires", "-1h"}, {"token", "create"}} {
		code, _, _ = run(args...)
		require.Equal(t, exitUsage, code, args)
	}
	code, _, said = run("token", "revoke", "ci")
	require.Equal(t, exitOK, code, said)
	_, listed, _ := run("token", "list")
	require.Contains(t, listed, "ci")
	require.Contains(t, listed, "revoked")
	require.NotContains(t, listed, secret)

	log, err := os.ReadFile(filepath.Join(dir, "ops", "_access", "decision_log.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(log), `"what":"token create"`)
	require.Contains(t, string(log), `"what":"token revoke"`)
	require.Contains(t, string(log), `"by":"ada"`)
	require.NotContains(t, string(log), secret)
	db, err := os.ReadFile(filepath.Join(dir, "ops", "ops.db"))
	require.NoError(t, err)
	require.NotContains(t, string(db), secret, "a hash is all that is kept")
}
