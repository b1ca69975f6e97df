-- The kill switch of a pipeline, as a person last turned it.
CREATE TABLE switches (
  pipeline TEXT PRIMARY KEY,
  entry    TEXT NOT NULL
);
