package ops

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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

// LatestSchema is a pipeline's newest schema version; ok is false if it has none.
func (s *Store) LatestSchema(ctx context.Context, pipelineName string) (v SchemaVersion, ok bool, err error) {
	err = s.tx(ctx, "look up the schema of "+pipelineName, func(tx *sql.Tx) error {
		v, ok, err = latest(ctx, tx, pipelineName)
		return err
	})
	return v, ok, err
}

// RecordSchema appends a version after base. If the newest is base no more, it
// is a Transient fault, unless the newest has the same
// columns and the same declaration: then that is the answer.
func (s *Store) RecordSchema(ctx context.Context, base int, v SchemaVersion) (SchemaVersion, error) {
	v.Fingerprint = v.Schema.Fingerprint()
	err := s.tx(ctx, "record a schema version of "+v.Pipeline, func(tx *sql.Tx) error {
		newest, ok, err := latest(ctx, tx, v.Pipeline)
		if err != nil {
			return err
		}
		if ok && newest.Fingerprint == v.Fingerprint && newest.Declared == v.Declared {
			v = newest
			return nil
		}
		if newest.Version != base {
			return pipeline.Faultf(pipeline.Transient, "record schema version %d of %s: the newest is %d by now, another run was first; plan again", base+1, v.Pipeline, newest.Version)
		}
		v.Version = base + 1
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO schema_versions (pipeline, version, entry) VALUES (?, ?, ?)`, v.Pipeline, v.Version, string(b))
		return err
	})
	return v, err
}

// Schemas lists a pipeline's schema versions, oldest first.
func (s *Store) Schemas(ctx context.Context, pipelineName string) ([]SchemaVersion, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT entry FROM schema_versions WHERE pipeline = ? ORDER BY version`, pipelineName)
	return collect[SchemaVersion](s, "list the schema versions of "+pipelineName, rows, err)
}

func latest(ctx context.Context, tx *sql.Tx, name string) (SchemaVersion, bool, error) {
	var text string
	err := tx.QueryRowContext(ctx, `SELECT entry FROM schema_versions WHERE pipeline = ? ORDER BY version DESC LIMIT 1`, name).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return SchemaVersion{}, false, nil
	}
	if err != nil {
		return SchemaVersion{}, false, err
	}
	var v SchemaVersion
	return v, true, json.Unmarshal([]byte(text), &v)
}
