package parquet

import (
	"errors"
	"regexp"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// The settings that errors name.
const (
	settingPath       = "sink.path / PARQUET_OUT"
	settingTable      = "sink.table"
	settingQuarantine = "sink.quarantine_path"
)

// Config says where a table and its quarantine live: folders, or prefixes of
// buckets (s3://bucket/prefix?region=…, gs://, azblob://). Folders are made when
// the first batch is loaded, buckets must be there.
type Config struct {
	Dir           string `yaml:"path"`            // folder that holds tables, one folder each; PARQUET_OUT overrides it
	Table         string `yaml:"table"`           // folder of this table below Dir
	QuarantineDir string `yaml:"quarantine_path"` // this pipeline's own quarantine folder; outside the table's folder
}

// tableName keeps a table's name usable as a folder and in SQL, and out of the
// way of hidden state, whose names start with an underscore.
var tableName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// Validate reports every problem at once. It opens nothing.
func (c Config) Validate() error {
	var errs []error
	if !tableName.MatchString(c.Table) {
		errs = append(errs, pipeline.Misconfiguredf(settingTable,
			"use table name %q: 1 to 128 letters, digits, '.', '_' and '-' are allowed, starting with a letter or digit", c.Table))
	}
	errs = append(errs, store.Check(settingPath, c.Dir), store.Check(settingQuarantine, c.QuarantineDir))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	table, quarantine := c.table(), c.quarantine()
	if quarantine.Within(table) || table.Within(quarantine) {
		return pipeline.Misconfiguredf(settingQuarantine,
			"keep quarantine in %s: table folder %s and quarantine must not contain each other, or readers of the table would see quarantined records", quarantine, table)
	}
	return nil
}

func (c Config) table() store.Place      { return store.At(c.Dir).In(c.Table) }
func (c Config) quarantine() store.Place { return store.At(c.QuarantineDir) }
