package snowflake

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql/driver"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const hush = "hunter2-very-secret"

func sound() Config {
	return Config{Account: "org-acct", User: "etl", Warehouse: "wh", Database: "db", Table: "raw_customers", Password: hush}
}

func TestConfigRules(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key.p8")
	writeKey(t, key, "PRIVATE KEY", rsaKey(t))
	tests := map[string]struct {
		change func(*Config)
		want   string // empty: it is fine
	}{
		"account, user, warehouse, database, table and a password are enough": {func(*Config) {}, ""},
		"a key is enough":                 {func(c *Config) { c.Password, c.KeyFile = "", key }, ""},
		"a token is enough":               {func(c *Config) { c.Password, c.Token = "", "t" }, ""},
		"one of them is needed":           {func(c *Config) { c.Password = "" }, "SNOWFLAKE_PASSWORD"},
		"and no more than one":            {func(c *Config) { c.Token = "t" }, "2 are set"},
		"the account is needed":           {func(c *Config) { c.Account = "" }, "SNOWFLAKE_ACCOUNT"},
		"the user is needed":              {func(c *Config) { c.User = "" }, "SNOWFLAKE_USER"},
		"the warehouse is needed":         {func(c *Config) { c.Warehouse = "" }, "SNOWFLAKE_WAREHOUSE"},
		"the database is needed":          {func(c *Config) { c.Database = "" }, "SNOWFLAKE_DATABASE"},
		"a name can't break out of SQL":   {func(c *Config) { c.Table = `x"; DROP TABLE y; --` }, "SNOWFLAKE_TABLE"},
		"a schema is a plain name too":    {func(c *Config) { c.Schema = "a.b" }, "SNOWFLAKE_SCHEMA"},
		"a key that isn't there":          {func(c *Config) { c.Password, c.KeyFile = "", key+"x" }, "SNOWFLAKE_PRIVATE_KEY_PATH"},
		"a port is a number":              {func(c *Config) { *c = c.FromEnv(one("SNOWFLAKE_PORT", "https")); c.Password = hush }, "SNOWFLAKE_PORT"},
		"a time limit isn't negative":     {func(c *Config) { c.Timeout = -1 }, "sink.snowflake.timeout"},
		"an empty schema means PUBLIC":    {func(c *Config) { c.Schema = "" }, ""},
		"the environment's table is used": {func(c *Config) { *c = c.FromEnv(one("SNOWFLAKE_TABLE", "1x")); c.Password = hush }, `"1x"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := sound()
			tc.change(&cfg)
			err := cfg.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
			require.NotContains(t, err.Error(), hush)
		})
	}
	require.ErrorContains(t, Config{}.Validate(), "SNOWFLAKE_TABLE", "all problems come at once")
}

func one(key, value string) func(string) string {
	return func(k string) string {
		if k == key {
			return value
		}
		return ""
	}
}

func rsaKey(t *testing.T) any {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func writeKey(t *testing.T, path, kind string, key any) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func TestAKeyThatCannotBeUsedIsRefusedWithoutShowingIt(t *testing.T) {
	dir := t.TempDir()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tests := map[string]func(path string){
		"no PEM":       func(path string) { require.NoError(t, os.WriteFile(path, []byte(hush), 0o600)) },
		"no RSA key":   func(path string) { writeKey(t, path, "PRIVATE KEY", other) },
		"an encrypted": func(path string) { writeEncrypted(t, path) },
	}
	for name, write := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			write(path)
			_, err := readKey(path)
			require.ErrorContains(t, err, "unencrypted RSA key")
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), hush)
		})
	}
}

func writeEncrypted(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte(hush)}), 0o600))
}

// TestSecretsDontShow prints a configuration in every way that a log might.
func TestSecretsDontShow(t *testing.T) {
	cfg := sound()
	cfg.Token = hush
	encoded, err := json.Marshal(cfg)
	require.NoError(t, err)
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "config", cfg, "password", cfg.Password)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "config", cfg, "password", cfg.Password)
	for _, text := range []string{
		fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), fmt.Sprintf("%s %q %v", cfg.Password, cfg.Password, &cfg), string(encoded), logged.String(),
	} {
		require.NotContains(t, text, hush)
	}
}

func TestFaultKinds(t *testing.T) {
	s := newSink(sound(), nil)
	number := func(n int) error { return &sf.SnowflakeError{Number: n, Message: "no " + hush} }
	tests := map[string]struct {
		err     error
		kind    pipeline.Kind
		setting string
	}{
		"a wrong password":            {number(390100), pipeline.Misconfigured, "SNOWFLAKE_PASSWORD"},
		"a wrong key":                 {number(390144), pipeline.Misconfigured, "SNOWFLAKE_PRIVATE_KEY_PATH"},
		"an expired token":            {number(390318), pipeline.Misconfigured, "SNOWFLAKE_TOKEN"},
		"a role that isn't granted":   {number(390189), pipeline.Misconfigured, "SNOWFLAKE_ROLE"},
		"a missing grant":             {number(3001), pipeline.Misconfigured, "SNOWFLAKE_ROLE"},
		"a suspended warehouse":       {number(606), pipeline.Misconfigured, "SNOWFLAKE_WAREHOUSE"},
		"a used up quota":             {number(90073), pipeline.Misconfigured, "SNOWFLAKE_WAREHOUSE"},
		"a column that is gone":       {number(904), pipeline.Misconfigured, "SNOWFLAKE_TABLE"},
		"an account that isn't there": {&sf.SnowflakeError{Number: sf.ErrFailedToAuth, MessageArgs: []any{404, "url"}}, pipeline.Misconfigured, "SNOWFLAKE_ACCOUNT"},
		"a login that isn't answered": {&sf.SnowflakeError{Number: sf.ErrFailedToAuth, MessageArgs: []any{500, "url"}}, pipeline.Transient, ""},
		"a value that is too long":    {&sf.SnowflakeError{Number: 100078, SQLState: "22000"}, pipeline.BadData, ""},
		"a lock":                      {number(625), pipeline.Transient, ""},
		"a network that is down":      {&net.OpError{Op: "dial", Err: errors.New("refused")}, pipeline.Transient, ""},
		"a connection that broke":     {driver.ErrBadConn, pipeline.Transient, ""},
		"SQL that can't be parsed":    {number(1003), pipeline.Bug, ""},
		"anything else, tried again":  {number(1), pipeline.Transient, ""},
		"a fault stays what it is":    {pipeline.Faultf(pipeline.BadData, "x"), pipeline.BadData, ""},
		"a fault within another text": {fmt.Errorf("y: %w", pipeline.Faultf(pipeline.BadData, "x")), pipeline.BadData, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := s.fault(tc.err, "load")
			require.Equal(t, tc.kind, pipeline.KindOf(err), "%v", err)
			require.NotContains(t, err.Error(), hush, "the driver's text is scrubbed")
			var f *pipeline.Fault
			require.ErrorAs(t, err, &f)
			require.Equal(t, tc.setting, f.Setting)
			require.ErrorIs(t, err, tc.err)
			for e := err; e != nil; e = errors.Unwrap(e) {
				require.NotContains(t, e.Error(), hush, "histories hold each error of a chain")
			}
		})
	}
	require.NoError(t, s.fault(nil, "load"))
	require.Equal(t, context.Canceled, s.fault(context.Canceled, "load"))
}

func TestAnUploadsPermissionDoesNotShow(t *testing.T) {
	err := newSink(sound(), nil).fault(errors.New(`PUT "https://acct.blob.core.windows.net/stage/f.parquet?sig=`+hush+`&se=1": refused`), "put")
	require.Equal(t, `put: PUT "https://acct.blob.core.windows.net/stage/f.parquet?[redacted]": refused`, err.Error())
}

// TestLoginsThatAreNotAnswered asks the real driver what it makes of answers
// that no Snowflake gives.
func TestLoginsThatAreNotAnswered(t *testing.T) {
	t.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
	for status, kind := range map[int]pipeline.Kind{
		http.StatusForbidden: pipeline.Misconfigured, http.StatusNotFound: pipeline.Misconfigured, http.StatusBadRequest: pipeline.Transient,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, hush, status) }))
			defer web.Close()
			at, err := url.Parse(web.URL)
			require.NoError(t, err)
			cfg := sound()
			cfg = cfg.FromEnv(one("SNOWFLAKE_PORT", at.Port()))
			cfg.Host, cfg.Protocol, cfg.Password, cfg.Timeout = "127.0.0.1", "http", hush, time.Second
			s, err := New(cfg)
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			_, err = s.State(t.Context())
			require.Error(t, err)
			require.Equal(t, kind, pipeline.KindOf(err), "%v", err)
			if kind == pipeline.Misconfigured {
				require.ErrorContains(t, err, "SNOWFLAKE_ACCOUNT")
			}
			require.NotContains(t, err.Error(), hush)
		})
	}
}

func TestFieldsThatSnowflakeCannotTellApartAreRefused(t *testing.T) {
	err := checkNames([]column{{name: "id"}, {name: "ID"}})
	require.ErrorContains(t, err, `"id" and "ID"`)
	require.NoError(t, checkNames([]column{{name: "id"}, {name: "email"}}))
}
