package parquet

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The settings that errors name.
const (
	settingPath       = "sink.path / PARQUET_OUT"
	settingTable      = "sink.table"
	settingQuarantine = "sink.quarantine_path"
)

// Config says where a table and its quarantine live. Both are local folders,
// which are made when the first batch is loaded.
type Config struct {
	Dir           string `yaml:"path"`            // folder that holds tables, one folder each; PARQUET_OUT overrides it
	Table         string `yaml:"table"`           // folder of this table below Dir
	QuarantineDir string `yaml:"quarantine_path"` // this pipeline's own quarantine folder; outside the table's folder
}

// tableName keeps a table's name usable as a folder and in SQL, and out of the
// way of hidden state, whose names start with an underscore.
var tableName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// Validate reports every problem at once.
func (c Config) Validate() error {
	var errs []error
	if !tableName.MatchString(c.Table) {
		errs = append(errs, pipeline.Misconfiguredf(settingTable,
			"use table name %q: 1 to 128 letters, digits, '.', '_' and '-' are allowed, starting with a letter or digit", c.Table))
	}
	errs = append(errs, local(settingPath, c.Dir), local(settingQuarantine, c.QuarantineDir))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	table, quarantine := c.tableDir(), c.quarantineDir()
	if within(quarantine, table) || within(table, quarantine) {
		return pipeline.Misconfiguredf(settingQuarantine,
			"keep quarantine in %s: table folder %s and quarantine must not contain each other, or readers of the table would see quarantined records", quarantine, table)
	}
	return nil
}

func (c Config) tableDir() string      { return filepath.Join(absolute(c.Dir), c.Table) }
func (c Config) quarantineDir() string { return absolute(c.QuarantineDir) }

// local refuses locations that aren't folders of this machine.
func local(setting, location string) error {
	scheme, _, isURL := strings.Cut(location, "://")
	switch {
	case location == "":
		return pipeline.Misconfiguredf(setting, "find the Parquet sink's folder: the setting is empty")
	case isURL && scheme != "file":
		return pipeline.Misconfiguredf(setting, "use %s as a folder: the Parquet sink writes to local folders (a path, or file://)", location)
	}
	if _, err := filepath.Abs(strings.TrimPrefix(location, "file://")); err != nil {
		return pipeline.Misconfiguredf(setting, "find folder %s: %w", location, err)
	}
	return nil
}

// absolute is the folder's absolute path, so that a later change of working
// directory moves nothing. local has refused what has none.
func absolute(location string) string {
	plain := strings.TrimPrefix(location, "file://")
	if abs, err := filepath.Abs(plain); err == nil {
		return abs
	}
	return plain
}

func within(inner, outer string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && filepath.IsLocal(rel)
}
