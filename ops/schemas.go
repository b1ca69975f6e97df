package ops

import (
	"context"
	"database/sql"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// SchemaVersion is one version of a pipeline's schema. Versions count from 1.
type SchemaVersion struct {
	Pipeline    string          `json:"pipeline"`
	Version     int             `json:"version"`
	Schema      *schemas.Schema `json:"schema"`
	Fingerprint string          `json:"fingerprint"`
	Declared    string          `json:"declared"` // fingerprint of the declared schema that it came from
	Reason      string          `json:"reason"`
	RunID       string          `json:"run_id,omitempty"`
	At          time.Time       `json:"at"`
}

// newest is the statement for a pipeline's newest version.
const newest = `SELECT entry FROM schema_versions WHERE pipeline = $1 ORDER BY version DESC LIMIT 1`

// LatestSchema is a pipeline's newest schema version; ok is false if it has none.
func (s *Store) LatestSchema(ctx context.Context, pipelineName string) (v SchemaVersion, ok bool, err error) {
	found, err := query[SchemaVersion](ctx, s, "look up the schema of "+pipelineName, newest, pipelineName)
	if err != nil || len(found) == 0 {
		return SchemaVersion{}, false, err
	}
	return found[0], true, nil
}

// RecordSchema appends version base+1; base is the newest version that the
// caller saw, 0 if none. If another one is the newest by now, it is a Transient
// fault, unless that has the same columns and the same declaration: then that
// is the answer, so a repeat is harmless. It computes the fingerprint.
func (s *Store) RecordSchema(ctx context.Context, base int, v SchemaVersion) (SchemaVersion, error) {
	what := "record a schema version of " + v.Pipeline
	if err := needed(what, "pipeline", v.Pipeline); err != nil {
		return SchemaVersion{}, err
	}
	if v.Schema == nil {
		return SchemaVersion{}, pipeline.Faultf(pipeline.Bug, "%s: it has no schema", what)
	}
	v.Version, v.Fingerprint, v.At = base+1, v.Schema.Fingerprint(), v.At.UTC()
	entry, err := encode(what, v)
	if err != nil {
		return SchemaVersion{}, err
	}
	err = s.tx(ctx, what, func(tx *sql.Tx) error {
		last, err := latest(ctx, tx, v.Pipeline)
		switch {
		case err != nil:
			return err
		case last.Fingerprint == v.Fingerprint && last.Declared == v.Declared:
			v = last
			return nil
		case last.Version != base:
			return pipeline.Faultf(pipeline.Transient, "record schema version %d of %s: the newest is %d by now, another run was first; plan again", base+1, v.Pipeline, last.Version)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO schema_versions (pipeline, version, entry) VALUES ($1, $2, $3)`, v.Pipeline, v.Version, entry)
		return err
	})
	if err != nil {
		return SchemaVersion{}, err
	}
	return v, nil
}

// Schemas lists a pipeline's schema versions, oldest first.
func (s *Store) Schemas(ctx context.Context, pipelineName string) ([]SchemaVersion, error) {
	return query[SchemaVersion](ctx, s, "list the schema versions of "+pipelineName,
		`SELECT entry FROM schema_versions WHERE pipeline = $1 ORDER BY version`, pipelineName)
}

// latest is the zero version if the pipeline has none.
func latest(ctx context.Context, tx *sql.Tx, name string) (SchemaVersion, error) {
	found, err := read[SchemaVersion](ctx, tx, newest, name)
	if err != nil || len(found) == 0 {
		return SchemaVersion{}, err
	}
	return found[0], nil
}
