-- What each alert channel was sent, and how it went. thread is where a channel
-- goes on with the rest of a group.
CREATE TABLE deliveries (
  alert    TEXT NOT NULL,
  channel  TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  matter   TEXT NOT NULL,
  status   TEXT NOT NULL,
  thread   TEXT NOT NULL,
  at_ms    BIGINT NOT NULL,
  entry    TEXT NOT NULL,
  PRIMARY KEY (alert, channel)
);
CREATE INDEX deliveries_by_time ON deliveries (pipeline, at_ms);
CREATE INDEX deliveries_by_matter ON deliveries (channel, matter);
