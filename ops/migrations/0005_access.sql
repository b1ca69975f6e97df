-- Who may use the console and the API. Of a secret only its SHA-256 is kept.
CREATE TABLE tokens (
  name       TEXT PRIMARY KEY,
  hash       TEXT NOT NULL UNIQUE,
  used_ms    BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  revoked_ms BIGINT NOT NULL,
  entry      TEXT NOT NULL
);

CREATE TABLE sessions (
  hash       TEXT PRIMARY KEY,
  token      TEXT NOT NULL,
  expires_ms BIGINT NOT NULL,
  entry      TEXT NOT NULL
);

-- Links that log in once.
CREATE TABLE login_codes (
  hash       TEXT PRIMARY KEY,
  expires_ms BIGINT NOT NULL,
  entry      TEXT NOT NULL
);
