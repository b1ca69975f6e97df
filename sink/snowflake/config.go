// Package snowflake is the sink on Snowflake: a table with its held and
// quarantined rows beside it, and a ledger. A load is one transaction that
// first moves the ledger's fence; everything before it can be thrown away, and
// nothing in it is DDL.
package snowflake

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	driver "github.com/snowflakedb/gosnowflake/v2"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Config says which table, and who writes it. Secrets come from the environment
// alone: a file with a password in it gets committed one day.
type Config struct {
	Account   string `yaml:"account"`   // SNOWFLAKE_ACCOUNT
	User      string `yaml:"user"`      // SNOWFLAKE_USER
	Role      string `yaml:"role"`      // SNOWFLAKE_ROLE; empty is the user's default
	Warehouse string `yaml:"warehouse"` // SNOWFLAKE_WAREHOUSE
	Database  string `yaml:"database"`  // SNOWFLAKE_DATABASE
	Schema    string `yaml:"schema"`    // SNOWFLAKE_SCHEMA, default PUBLIC
	Table     string `yaml:"table"`     // SNOWFLAKE_TABLE
	Stage     string `yaml:"stage"`     // internal stage in Schema, default ADP_STAGE
	KeyFile   string `yaml:"key_file"`  // SNOWFLAKE_PRIVATE_KEY_PATH: PKCS#8 PEM, for key-pair authentication

	// Timeout bounds one round trip; a long query takes many. Default 2m.
	Timeout time.Duration `yaml:"timeout"`

	Password Secret `yaml:"-"` // SNOWFLAKE_PASSWORD
	Token    Secret `yaml:"-"` // SNOWFLAKE_TOKEN: OAuth

	// Where to connect to, if not to Snowflake's own address.
	Host     string `yaml:"-"` // SNOWFLAKE_HOST
	Port     int    `yaml:"-"` // SNOWFLAKE_PORT
	Protocol string `yaml:"-"` // SNOWFLAKE_PROTOCOL

	port string // as it stood, if it is no number
}

// Secret is a text that no log, error or JSON shows.
type Secret string

const redacted = "[redacted]"

func (Secret) String() string { return redacted }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return redacted }

// MarshalText hides the secret from JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue hides the secret from structured logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// FromEnv is the configuration with the environment over it.
func (c Config) FromEnv(env func(string) string) Config {
	for key, into := range map[string]*string{
		"SNOWFLAKE_ACCOUNT": &c.Account, "SNOWFLAKE_USER": &c.User, "SNOWFLAKE_ROLE": &c.Role,
		"SNOWFLAKE_WAREHOUSE": &c.Warehouse, "SNOWFLAKE_DATABASE": &c.Database, "SNOWFLAKE_SCHEMA": &c.Schema,
		"SNOWFLAKE_TABLE": &c.Table, "SNOWFLAKE_PRIVATE_KEY_PATH": &c.KeyFile,
		"SNOWFLAKE_HOST": &c.Host, "SNOWFLAKE_PROTOCOL": &c.Protocol, "SNOWFLAKE_PORT": &c.port,
	} {
		if v := env(key); v != "" {
			*into = v
		}
	}
	c.Password, c.Token = Secret(env("SNOWFLAKE_PASSWORD")), Secret(env("SNOWFLAKE_TOKEN"))
	if n, err := strconv.Atoi(c.port); err == nil {
		c.Port, c.port = n, ""
	}
	return c
}

// identifier is what a name may be without surprises: it is used in upper case.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]{0,199}$`)

// Validate reports every problem at once. It opens nothing.
func (c Config) Validate() error {
	var errs []error
	missing := func(setting, value, what string) {
		if value == "" {
			errs = append(errs, pipeline.Misconfiguredf(setting, "connect to Snowflake: %s is missing", what))
		}
	}
	missing("sink.snowflake.account / SNOWFLAKE_ACCOUNT", c.Account, "the account")
	missing("sink.snowflake.user / SNOWFLAKE_USER", c.User, "the user")
	missing("sink.snowflake.warehouse / SNOWFLAKE_WAREHOUSE", c.Warehouse, "the warehouse")
	for _, n := range []struct{ setting, name string }{
		{"sink.snowflake.database / SNOWFLAKE_DATABASE", c.Database},
		{"sink.snowflake.schema / SNOWFLAKE_SCHEMA", c.schema()},
		{"sink.snowflake.table / SNOWFLAKE_TABLE", c.Table},
		{"sink.snowflake.stage", c.stage()},
	} {
		if !identifier.MatchString(n.name) {
			errs = append(errs, pipeline.Misconfiguredf(n.setting, "use name %q: 1 to 200 letters, digits, _ and $ are allowed, and no digit first", n.name))
		}
	}
	ways := 0
	for _, set := range []bool{c.Password != "", c.KeyFile != "", c.Token != ""} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		errs = append(errs, pipeline.Misconfiguredf("SNOWFLAKE_PASSWORD",
			"connect to Snowflake: set exactly one of SNOWFLAKE_PASSWORD, SNOWFLAKE_PRIVATE_KEY_PATH and SNOWFLAKE_TOKEN; %d are set", ways))
	}
	if c.Timeout < 0 {
		errs = append(errs, pipeline.Misconfiguredf("sink.snowflake.timeout", "%v is negative", c.Timeout))
	}
	if c.port != "" {
		errs = append(errs, pipeline.Misconfiguredf("SNOWFLAKE_PORT", "connect to Snowflake: %q is no port", c.port))
	}
	if c.KeyFile != "" {
		_, err := readKey(c.KeyFile)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c Config) schema() string { return or(c.Schema, "PUBLIC") }
func (c Config) stage() string  { return or(c.Stage, "ADP_STAGE") }

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// name quotes an object of the schema.
func (c Config) name(object string) string {
	return quote(c.Database) + "." + quote(c.schema()) + "." + quote(object)
}

func quote(name string) string { return `"` + strings.ToUpper(name) + `"` }

// connection is the driver's view of the configuration.
func (c Config) connection() (driver.Config, error) {
	utc := "UTC" // timestamps are instants: a session's own zone must not shift them
	out := driver.Config{
		Account: c.Account, User: c.User, Role: c.Role, Warehouse: c.Warehouse, Database: c.Database, Schema: c.schema(),
		Host: c.Host, Port: c.Port, Protocol: c.Protocol, Application: "adp", Params: map[string]*string{"TIMEZONE": &utc},
	}
	trip := c.Timeout
	if trip <= 0 {
		trip = 2 * time.Minute
	}
	// What isn't bounded here would wait for ever on a connection that is half open.
	out.LoginTimeout, out.ClientTimeout, out.JWTClientTimeout, out.CloudStorageTimeout, out.RequestTimeout = trip, trip, trip, trip, 5*trip //nolint:staticcheck // deprecated for a release that isn't there yet
	out.MaxRetryCount = 3
	switch {
	case c.KeyFile != "":
		key, err := readKey(c.KeyFile)
		if err != nil {
			return out, err
		}
		out.Authenticator, out.PrivateKey = driver.AuthTypeJwt, key
	case c.Token != "":
		out.Authenticator, out.Token = driver.AuthTypeOAuth, string(c.Token)
	default:
		out.Password = string(c.Password)
	}
	return out, nil
}

// readKey reads an unencrypted RSA key. Errors never hold any of it.
func readKey(path string) (*rsa.PrivateKey, error) {
	refuse := func(why string) error {
		return pipeline.Misconfiguredf("SNOWFLAKE_PRIVATE_KEY_PATH",
			"read private key %s: %s: it must be an unencrypted RSA key, PKCS#8 in PEM (openssl pkcs8 -topk8 -nocrypt)", path, why)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, pipeline.Misconfiguredf("SNOWFLAKE_PRIVATE_KEY_PATH", "read private key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, refuse("it is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, refuse("it is a " + block.Type)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, refuse(fmt.Sprintf("it is a %T", parsed))
	}
	return key, nil
}
