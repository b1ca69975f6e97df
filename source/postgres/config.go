package postgres

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The settings that errors name.
const (
	settingTopic     = "source.topic"
	settingURL       = "source.postgres.url / POSTGRES_URL"
	settingPassword  = "POSTGRES_PASSWORD"
	settingColumn    = "source.postgres.column"
	settingColumns   = "source.postgres.columns"
	settingTimestamp = "source.postgres.timestamp"
	settingLag       = "source.postgres.lag"
	settingConnect   = "source.postgres.connect_timeout"
	settingWait      = "source.postgres.writer_wait"
)

// Config says which database to read, and how. The topic is the table, with its
// schema before a dot if it isn't found without: "orders", "shop.orders".
type Config struct {
	URL       string        `yaml:"url"`       // postgres://user@host:5432/database?sslmode=…, without the password; POSTGRES_URL overrides it
	Column    string        `yaml:"column"`    // integer that grows from row to row, and is the offset; default id
	Columns   []string      `yaml:"columns"`   // the record's fields; default: all columns
	Timestamp string        `yaml:"timestamp"` // column of the record's time; default none: records have the time 0, and are never late
	Lag       time.Duration `yaml:"lag"`       // rows younger than this, by Timestamp, wait; default 0

	ConnectTimeout time.Duration `yaml:"connect_timeout"` // until the server must have answered; default 5s
	WriterWait     time.Duration `yaml:"writer_wait"`     // how long a plan waits for transactions that are writing to the table; default 5s

	Password string `yaml:"-"` // POSTGRES_PASSWORD; without it the client looks into PGPASSWORD and ~/.pgpass
}

// DefaultConfig has everything but the database.
func DefaultConfig() Config {
	return Config{Column: "id", ConnectTimeout: 5 * time.Second, WriterWait: 5 * time.Second}
}

// SetURL takes a URL from the environment, where a password may be in it.
func (c *Config) SetURL(location string) {
	u, err := url.Parse(location)
	if err != nil || u.User == nil {
		c.URL = location // Validate says what is wrong
		return
	}
	if password, ok := u.User.Password(); ok {
		c.Password = password
		u.User = url.User(u.User.Username())
	}
	c.URL = u.String()
}

// Validate reports every problem at once. It connects to nothing.
func (c Config) Validate() error {
	errs := []error{c.validateURL()}
	bad := func(wrong bool, setting, format string, args ...any) {
		if wrong {
			errs = append(errs, pipeline.Misconfiguredf(setting, format, args...))
		}
	}
	bad(c.Column == "", settingColumn, "order rows: no column is given that grows from row to row")
	bad(slices.Contains(c.Columns, ""), settingColumns, "read columns %q: one has no name", c.Columns)
	bad(c.Lag < 0, settingLag, "wait %s for rows: the time is negative", c.Lag)
	bad(c.Lag > 0 && c.Timestamp == "", settingLag, "wait %s for rows: nothing says how old a row is; set source.postgres.timestamp", c.Lag)
	bad(c.ConnectTimeout <= 0, settingConnect, "wait %s for the server: the limit must be positive", c.ConnectTimeout)
	bad(c.WriterWait <= 0, settingWait, "wait %s for writers: the limit must be positive", c.WriterWait)
	return errors.Join(errs...)
}

func (c Config) validateURL() error {
	if c.URL == "" {
		return pipeline.Misconfiguredf(settingURL, "find PostgreSQL: no URL is given; give postgres://user@host:5432/database")
	}
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" || len(u.Path) < 2 {
		// The text isn't repeated: there may be a password in it.
		return pipeline.Misconfiguredf(settingURL, "find PostgreSQL: the URL is not of the form postgres://user@host:5432/database")
	}
	if _, ok := u.User.Password(); ok || u.Query().Has("password") {
		return pipeline.Misconfiguredf(settingURL, "find PostgreSQL at %s: a password doesn't belong in a file: set POSTGRES_PASSWORD in the environment", c.where())
	}
	if _, err := c.connection(); err != nil {
		return pipeline.Misconfiguredf(settingURL, "find PostgreSQL at %s: %w", c.where(), err)
	}
	return nil
}

// connection is what pgx connects by.
func (c Config) connection() (*pgx.ConnConfig, error) {
	conn, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, err
	}
	if c.Password != "" {
		conn.Password = c.Password
	}
	conn.ConnectTimeout = c.ConnectTimeout
	// Nothing is kept on the connection, which may go through a pooler.
	conn.DefaultQueryExecMode = pgx.QueryExecModeExec
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "adp"
	}
	return conn, nil
}

// where names the database in errors.
func (c Config) where() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "PostgreSQL" // Validate has refused it
	}
	return u.Host + strings.TrimSuffix(u.Path, "/")
}
