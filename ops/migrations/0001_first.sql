CREATE TABLE runs (
  run_id      TEXT PRIMARY KEY,
  pipeline    TEXT NOT NULL,
  outcome     TEXT NOT NULL,
  started_ms  BIGINT NOT NULL,
  finished_ms BIGINT NOT NULL,
  report      TEXT NOT NULL
);
CREATE INDEX runs_by_time ON runs (pipeline, finished_ms);

CREATE TABLE decisions (
  id       TEXT PRIMARY KEY,
  pipeline TEXT NOT NULL,
  run_id   TEXT NOT NULL,
  at_ms    BIGINT NOT NULL,
  decision TEXT NOT NULL,
  facts    TEXT NOT NULL
);
CREATE INDEX decisions_by_time ON decisions (pipeline, at_ms);

CREATE TABLE incidents (
  id        TEXT PRIMARY KEY,
  pipeline  TEXT NOT NULL,
  cause     TEXT NOT NULL,
  status    TEXT NOT NULL,
  opened_ms BIGINT NOT NULL,
  incident  TEXT NOT NULL
);
CREATE INDEX incidents_by_cause ON incidents (pipeline, cause, status);

CREATE TABLE schema_versions (
  pipeline TEXT NOT NULL,
  version  INTEGER NOT NULL,
  entry    TEXT NOT NULL,
  PRIMARY KEY (pipeline, version)
);
