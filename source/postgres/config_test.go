package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func sound() Config {
	c := DefaultConfig()
	c.URL = "postgres://reader@db:5432/shop?sslmode=disable"
	return c
}

func TestConfigNamesEachSettingThatIsWrong(t *testing.T) {
	require.NoError(t, sound().Validate())
	tests := map[string]struct {
		change  func(*Config)
		setting string
	}{
		"no URL":                    {func(c *Config) { c.URL = "" }, settingURL},
		"another scheme":            {func(c *Config) { c.URL = "mysql://db/shop" }, settingURL},
		"no database":               {func(c *Config) { c.URL = "postgres://db:5432/" }, settingURL},
		"no host":                   {func(c *Config) { c.URL = "postgres:///shop" }, settingURL},
		"a parameter gone wrong":    {func(c *Config) { c.URL = "postgres://db/shop?sslmode=maybe" }, settingURL},
		"no column":                 {func(c *Config) { c.Column = "" }, settingColumn},
		"a field without a name":    {func(c *Config) { c.Columns = []string{"a", ""} }, settingColumns},
		"a lag of nobody's time":    {func(c *Config) { c.Lag = time.Second }, settingLag},
		"a negative lag":            {func(c *Config) { c.Lag, c.Timestamp = -1, "at" }, settingLag},
		"no time to connect":        {func(c *Config) { c.ConnectTimeout = 0 }, settingConnect},
		"no time to wait":           {func(c *Config) { c.WriterWait = 0 }, settingWait},
		"a password in the file":    {func(c *Config) { c.URL = "postgres://reader:hush@db/shop" }, settingPassword},
		"a password as a parameter": {func(c *Config) { c.URL = "postgres://reader@db/shop?password=hush" }, settingPassword},
		"a password in nonsense":    {func(c *Config) { c.URL = "postgres://reader:hush@db:port/shop" }, settingURL},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := sound()
			tc.change(&c)
			_, err := New(c)
			require.ErrorContains(t, err, tc.setting)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
			require.NotContains(t, err.Error(), "hush")
		})
	}
}

func TestAPasswordInTheEnvironmentsURLIsTakenOut(t *testing.T) {
	c := DefaultConfig()
	c.SetURL("postgres://reader:hu%2Fsh@db:5432/shop?sslmode=disable")
	require.Equal(t, "postgres://reader@db:5432/shop?sslmode=disable", c.URL)
	require.Equal(t, "hu/sh", c.Password)
	require.NoError(t, c.Validate())
	conn, err := c.connection()
	require.NoError(t, err)
	require.Equal(t, "hu/sh", conn.Password)
	require.Equal(t, "db:5432/shop", c.where())
}

func TestErrorsOfTheServerHealAsTheyShould(t *testing.T) {
	s, err := New(sound())
	require.NoError(t, err)
	for code, want := range map[string]struct {
		kind    pipeline.Kind
		setting string
	}{
		"28P01": {pipeline.Misconfigured, settingPassword}, "28000": {pipeline.Misconfigured, settingPassword},
		"3D000": {pipeline.Misconfigured, settingURL}, "42501": {pipeline.Misconfigured, settingTopic},
		"42P01": {pipeline.Misconfigured, settingTopic}, "42703": {pipeline.Misconfigured, settingColumns},
		"53300": {pipeline.Transient, ""}, "57P01": {pipeline.Transient, ""}, "40001": {pipeline.Transient, ""},
	} {
		err := s.fault(t.Context(), &pgconn.PgError{Code: code, Message: "no"}, "read table %s", "orders")
		require.Equal(t, want.kind, pipeline.KindOf(err), code)
		require.ErrorContains(t, err, want.setting)
		require.ErrorContains(t, err, "read table orders on db:5432/shop")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.fault(ctx, errors.New("closed"), "read"), context.Canceled)
	require.Equal(t, pipeline.Transient, pipeline.KindOf(s.fault(t.Context(), errors.New("reset"), "read")))
	known := pipeline.Misconfiguredf("x", "known")
	require.Equal(t, known, s.fault(t.Context(), known, "read"))
	require.NoError(t, s.fault(t.Context(), nil, "read"))
}
