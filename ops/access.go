package ops

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Token is what a person or a program shows to be let in. The secret itself is
// known to its holder alone.
type Token struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	By        string    `json:"by"` // who made it
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
	UsedAt    time.Time `json:"used_at,omitzero"`    // to the minute
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// Session is a browser that has logged in.
type Session struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Token     string    `json:"token,omitempty"` // the token that it was opened with, which may be revoked
	CSRF      string    `json:"csrf"`            // what its forms carry
	ExpiresAt time.Time `json:"expires_at"`
}

// CreateToken keeps a token under its secret's hash. A name that was used
// before, by a revoked token too, is a BadData fault: the log names people by
// it.
func (s *Store) CreateToken(ctx context.Context, t Token, hash string) error {
	what := "create token " + t.Name
	if err := needed(what, "name", t.Name, "role", t.Role, "hash", hash); err != nil {
		return err
	}
	entry, err := encode(what, t)
	if err != nil {
		return err
	}
	done, err := s.db.ExecContext(ctx,
		`INSERT INTO tokens (name, hash, used_ms, expires_ms, revoked_ms, entry) VALUES ($1, $2, 0, $3, 0, $4) ON CONFLICT (name) DO NOTHING`,
		t.Name, hash, millis(t.ExpiresAt), entry)
	if err != nil {
		return s.fault(what, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		return s.fault(what, err)
	}
	return pipeline.Faultf(pipeline.BadData, "create token %q: there is, or was, one of this name; take another, since the log names people by it", t.Name)
}

// tokenColumns are what scanToken reads.
const tokenColumns = `entry, used_ms, revoked_ms`

func scanToken(scan func(...any) error) (Token, error) {
	var entry string
	var used, revoked int64
	if err := scan(&entry, &used, &revoked); err != nil {
		return Token{}, err
	}
	t, err := decode[Token](entry)
	if used > 0 {
		t.UsedAt = time.UnixMilli(used).UTC()
	}
	if revoked > 0 {
		t.RevokedAt = time.UnixMilli(revoked).UTC()
	}
	return t, err
}

// Tokens lists all tokens by name, revoked ones too.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+tokenColumns+` FROM tokens ORDER BY name`)
	if err != nil {
		return nil, s.fault("list the tokens", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has its error
	all := []Token{}
	for rows.Next() {
		t, err := scanToken(rows.Scan)
		if err != nil {
			return nil, s.fault("list the tokens", err)
		}
		all = append(all, t)
	}
	return all, s.fault("list the tokens", rows.Err())
}

// usedEvery is how exactly a token's last use is known.
const usedEvery = time.Minute

// TokenOf finds the token of a secret's hash; ok is false if there is none, or
// it has expired or was revoked.
func (s *Store) TokenOf(ctx context.Context, hash string, now time.Time) (t Token, ok bool, err error) {
	t, err = scanToken(s.db.QueryRowContext(ctx,
		`SELECT `+tokenColumns+` FROM tokens WHERE hash = $1 AND revoked_ms = 0 AND (expires_ms = 0 OR expires_ms > $2)`, hash, millis(now)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, s.fault("look up a token", err)
	}
	if now.Sub(t.UsedAt) >= usedEvery {
		_, err = s.db.ExecContext(ctx, `UPDATE tokens SET used_ms = $1 WHERE hash = $2`, millis(now), hash)
	}
	return t, true, s.fault("note a token's use", err)
}

// RevokeToken ends a token and its sessions. One that isn't there is
// ErrNotFound, one that is revoked stays as it is.
func (s *Store) RevokeToken(ctx context.Context, name string, now time.Time) error {
	return s.tx(ctx, "revoke token "+name, func(tx *sql.Tx) error {
		var known int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM tokens WHERE name = $1`, name).Scan(&known); err != nil {
			return err
		}
		if known == 0 {
			return missing{pipeline.Faultf(pipeline.BadData, "there is no token %q; list them: starter token list", name)}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE tokens SET revoked_ms = $1 WHERE name = $2 AND revoked_ms = 0`, millis(now), name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE token = $1`, name)
		return err
	})
}

// OpenSession keeps a session under its cookie's hash, and forgets expired ones.
func (s *Store) OpenSession(ctx context.Context, v Session, hash string, now time.Time) error {
	entry, err := encode("open a session", v)
	if err != nil {
		return err
	}
	return s.tx(ctx, "open a session of "+v.Name, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_ms <= $1`, millis(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (hash, token, expires_ms, entry) VALUES ($1, $2, $3, $4)`, hash, v.Token, millis(v.ExpiresAt), entry)
		return err
	})
}

// SessionOf finds the session of a cookie's hash; ok is false if there is none
// that goes on, or its token has expired.
func (s *Store) SessionOf(ctx context.Context, hash string, now time.Time) (v Session, ok bool, err error) {
	found, err := query[Session](ctx, s, "look up a session",
		`SELECT entry FROM sessions WHERE hash = $1 AND expires_ms > $2 AND (token = '' OR EXISTS (
		   SELECT 1 FROM tokens WHERE name = sessions.token AND revoked_ms = 0 AND (tokens.expires_ms = 0 OR tokens.expires_ms > $2)))`, hash, millis(now))
	if err != nil || len(found) == 0 {
		return Session{}, false, err
	}
	return found[0], true, nil
}

// CloseSession ends a session.
func (s *Store) CloseSession(ctx context.Context, hash string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM sessions WHERE hash = $1`, hash)
	return s.fault("close a session", err)
}

// AddCode keeps what a link logs in as, under its code's hash, until v expires.
func (s *Store) AddCode(ctx context.Context, v Session, hash string) error {
	entry, err := encode("make a login link", v)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO login_codes (hash, expires_ms, entry) VALUES ($1, $2, $3)`, hash, millis(v.ExpiresAt), entry)
	return s.fault("make a login link", err)
}

// TakeCode gives what a link logs in as, once; ok is false the second time, and
// after it has expired.
func (s *Store) TakeCode(ctx context.Context, hash string, now time.Time) (v Session, ok bool, err error) {
	found, err := query[Session](ctx, s, "use a login link", `DELETE FROM login_codes WHERE hash = $1 RETURNING entry`, hash)
	if err != nil || len(found) == 0 {
		return Session{}, false, err
	}
	if _, err := s.db.ExecContext(ctx, `DELETE FROM login_codes WHERE expires_ms <= $1`, millis(now)); err != nil {
		return Session{}, false, s.fault("forget old login links", err)
	}
	return found[0], found[0].ExpiresAt.After(now), nil
}
