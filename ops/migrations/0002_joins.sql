-- Which incident took in the one that a run would have opened: id is the
-- incident's that would have been. A repeat finds it here, however far the
-- incident has moved on.
CREATE TABLE joins (
  id       TEXT PRIMARY KEY,
  incident TEXT NOT NULL REFERENCES incidents (id)
);

CREATE INDEX incidents_by_time ON incidents (opened_ms);
CREATE INDEX runs_by_outcome ON runs (pipeline, outcome, finished_ms);
