package snowflake

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"

	sf "github.com/snowflakedb/gosnowflake/v2"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// What Snowflake's error numbers mean.
const (
	codeSyntax      = 1003
	codeNoColumn    = 904
	codeNoGrant     = 3001
	codeNoObject    = 2003
	codeNoSchema    = 2043
	codeNoWarehouse = 606
	codeLocked      = 625    // a transaction was aborted
	codeExists      = 2002   // somebody else created it first
	codeDuplicate   = 100072 // the same, within a catalog
	codeDeadlock    = 1205
	codeQuota       = 90073
)

// refusals are what a person must mend, by number: the setting, and what to do.
var refusals = map[int]struct{ setting, cure string }{
	390100: {"SNOWFLAKE_PASSWORD", "user or password is wrong"},
	390101: {"SNOWFLAKE_USER", "the user may not log in this way"},
	390102: {"SNOWFLAKE_USER", "the user is disabled: ALTER USER … SET DISABLED = FALSE"},
	390104: {"SNOWFLAKE_USER", "the user is locked after failed logins: wait, or ALTER USER … SET MINS_TO_UNLOCK = 0"},
	390106: {"SNOWFLAKE_PASSWORD", "the password has expired"},
	390144: {"SNOWFLAKE_PRIVATE_KEY_PATH", "the key isn't the user's: ALTER USER … SET RSA_PUBLIC_KEY, and check account and user"},
	390189: {"SNOWFLAKE_ROLE", "the role isn't there, or isn't granted to the user"},
	390201: {"SNOWFLAKE_WAREHOUSE", "database, schema, warehouse or role isn't there, or isn't granted"},
	390303: {"SNOWFLAKE_TOKEN", "the OAuth token is invalid"},
	390318: {"SNOWFLAKE_TOKEN", "the OAuth token has expired"},
	390422: {"SNOWFLAKE_ACCOUNT", "this machine's address isn't allowed by the account's network policy"},
	codeNoGrant: {"SNOWFLAKE_ROLE",
		"the role lacks a grant: see docs/snowflake.md for what it needs"},
	codeNoObject:    {"SNOWFLAKE_ROLE", "the object isn't there, or the role may not see it: see docs/snowflake.md"},
	codeNoSchema:    {"SNOWFLAKE_SCHEMA", "the object isn't there, or the role may not use it: see docs/snowflake.md"},
	codeNoColumn:    {"SNOWFLAKE_TABLE", "the table was altered by hand, or is another one's: put the column back, or choose another table"},
	codeNoWarehouse: {"SNOWFLAKE_WAREHOUSE", "no warehouse is running: resume it, set AUTO_RESUME = TRUE, and grant USAGE on it"},
	codeQuota:       {"SNOWFLAKE_WAREHOUSE", "the warehouse is suspended by a resource monitor: raise its quota, or use another"},
}

func number(err error) int {
	var e *sf.SnowflakeError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// isMissing reports that a table isn't there, or can't be seen: Snowflake
// doesn't tell which.
func isMissing(err error) bool { return number(err) == codeNoObject }

// isThere reports that what was to be created is there already.
func isThere(err error) bool { return number(err) == codeExists }

// isConflict reports that another transaction was in the way.
func isConflict(err error) bool {
	n := number(err)
	return n == codeLocked || n == codeDeadlock || n == codeExists || n == codeDuplicate
}

// isStranger reports that whoever answered the login knows no such account.
func isStranger(err error) bool {
	var e *sf.SnowflakeError
	if !errors.As(err, &e) || len(e.MessageArgs) == 0 {
		return false
	}
	status, ok := e.MessageArgs[0].(int)
	return ok && (e.Number == sf.ErrCodeFailedToConnect || e.Number == sf.ErrFailedToAuth && status == http.StatusNotFound)
}

// isData reports that a value was refused, not the statement: SQL's own class
// for it.
func isData(err error) bool {
	var e *sf.SnowflakeError
	return errors.As(err, &e) && strings.HasPrefix(e.SQLState, "22")
}

// fault is the one place where the driver's errors get their kind.
func (s *Sink) fault(err error, attempted string) error {
	if err == nil {
		return nil
	}
	var known *pipeline.Fault
	if errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	err = s.scrub(err)
	if r, ok := refusals[number(err)]; ok {
		return pipeline.Misconfiguredf(r.setting, "%s: %s: %w", attempted, r.cure, err)
	}
	var netErr net.Error
	switch {
	case isConflict(err):
		return pipeline.Faultf(pipeline.Transient,
			"%s: another transaction holds the table, maybe a killed worker's, which Snowflake ends after 5 minutes: %w", attempted, err)
	case isStranger(err):
		return pipeline.Misconfiguredf("SNOWFLAKE_ACCOUNT", "%s: there is no account %s, or it is in another region: %w", attempted, s.cfg.Account, err)
	case errors.As(err, &netErr), errors.Is(err, driver.ErrBadConn):
		return pipeline.Faultf(pipeline.Transient, "%s: reach Snowflake account %s (setting: SNOWFLAKE_ACCOUNT): %w", attempted, s.cfg.Account, err)
	case number(err) == codeSyntax:
		return bugf("%s: %w", attempted, err)
	case isData(err):
		return pipeline.Faultf(pipeline.BadData, "%s: a value doesn't fit: nothing is committed: %w", attempted, err)
	}
	return pipeline.Faultf(pipeline.Transient, "%s: %w", attempted, err)
}

func (s *Sink) scrub(err error) error {
	return &scrubbed{err: err, secrets: []Secret{s.cfg.Password, s.cfg.Token}}
}

// scrubbed is an error without the secrets that a driver may have put into it.
// It answers errors.Is and errors.As, but has no Unwrap: who prints a chain of
// errors one by one, as Temporal's histories do, would get the text as it was.
type scrubbed struct {
	err     error
	secrets []Secret
}

// parameters are what follows a URL's question mark: for an upload it is the
// permission to make it.
var parameters = regexp.MustCompile(`(://[^\s"'?]*)\?[^\s"']*`)

func (e *scrubbed) Error() string {
	text := parameters.ReplaceAllString(e.err.Error(), "$1?"+redacted)
	for _, secret := range e.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, string(secret), redacted)
		}
	}
	return text
}

func (e *scrubbed) Is(target error) bool { return errors.Is(e.err, target) }

func (e *scrubbed) As(target any) bool { return errors.As(e.err, target) }

// bugf is a caller's mistake, or ours: nothing was changed.
func bugf(format string, args ...any) error { return pipeline.Faultf(pipeline.Bug, format, args...) }

func upper(name string) string { return strings.ToUpper(name) }
