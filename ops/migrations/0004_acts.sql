-- Own actions that were begun, for their budgets. One is counted once, however
-- often it is tried again.
CREATE TABLE acts (
  id       TEXT PRIMARY KEY,
  pipeline TEXT NOT NULL,
  action   TEXT NOT NULL,
  run_id   TEXT NOT NULL,
  at_ms    BIGINT NOT NULL
);
CREATE INDEX acts_by_time ON acts (pipeline, action, at_ms);
