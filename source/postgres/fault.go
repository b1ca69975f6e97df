package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// fault gives an error of the client its kind, and names the setting that may
// mend it. A fault stays what it is, and a caller who gave up gets the
// context's error.
func (s *Source) fault(ctx context.Context, err error, what string, args ...any) error {
	var server *pgconn.PgError
	what = fmt.Sprintf(what, args...)
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*pipeline.Fault)):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	case errors.As(err, new(*tls.CertificateVerificationError)), errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.HostnameError)):
		return pipeline.Misconfiguredf(settingURL, "%s on %s: %w; see sslmode and sslrootcert", what, s.config.where(), err)
	case errors.As(err, &server):
		return s.refused(server, what)
	}
	return &pipeline.Fault{
		Kind: pipeline.Transient, Setting: settingURL,
		Err: fmt.Errorf("%s on %s: %w; is the server up, and reachable from here?", what, s.config.where(), err),
	}
}

// refused is by the server's code, https://www.postgresql.org/docs/current/errcodes-appendix.html.
func (s *Source) refused(err *pgconn.PgError, what string) error {
	on := what + " on " + s.config.where()
	switch err.Code {
	case "28P01", "28000": // password, or pg_hba.conf
		return pipeline.Misconfiguredf(settingPassword, "%s: %w; correct user and password, or let the server take this user from here", on, err)
	case "3D000", "08P01":
		return pipeline.Misconfiguredf(settingURL, "%s: %w", on, err)
	case "42501":
		return pipeline.Misconfiguredf(settingTopic, "%s: %w; GRANT USAGE on its schema and SELECT on the table to the user", on, err)
	case "42P01", "3F000":
		return pipeline.Misconfiguredf(settingTopic, "%s: %w; create the table, or give another name", on, err)
	case "42703":
		return pipeline.Misconfiguredf(settingColumns, "%s: %w", on, err)
	}
	return pipeline.Faultf(pipeline.Transient, "%s: %w", on, err)
}
