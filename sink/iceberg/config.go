// Package iceberg is the sink on Apache Iceberg: a table that DuckDB, pyiceberg,
// Spark and warehouses read, with snapshots. A commit of the pipeline is a
// snapshot, made by the catalog's compare-and-swap; its summary names the
// checkpoint. Quarantine and log are files beside, as those of the Parquet sink.
package iceberg

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// The settings that errors name.
const (
	settingWarehouse  = "sink.iceberg.warehouse / ICEBERG_WAREHOUSE"
	settingURI        = "sink.iceberg.uri / ICEBERG_CATALOG_URI"
	settingTable      = "sink.iceberg.table"
	settingNamespace  = "sink.iceberg.namespace"
	settingQuarantine = "sink.iceberg.quarantine_path"
	settingToken      = "ICEBERG_REST_TOKEN"
	settingCredential = "ICEBERG_REST_CREDENTIAL"
)

// Config says where a table is, and which catalog knows it.
type Config struct {
	Warehouse     string `yaml:"warehouse"`       // folder or bucket that holds tables; ICEBERG_WAREHOUSE
	URI           string `yaml:"uri"`             // of a REST catalog; ICEBERG_CATALOG_URI. Empty: SQLite in Catalog
	Catalog       string `yaml:"catalog"`         // file of the SQLite catalog, default <warehouse>/catalog.db; ICEBERG_CATALOG
	Namespace     string `yaml:"namespace"`       // default "default"
	Table         string `yaml:"table"`           // default: the pipeline's name
	QuarantineDir string `yaml:"quarantine_path"` // this pipeline's quarantine and log

	EventTime string `yaml:"-"` // column by whose day the table is partitioned; empty: it isn't

	Token      Secret `yaml:"-"` // ICEBERG_REST_TOKEN: bearer token
	Credential Secret `yaml:"-"` // ICEBERG_REST_CREDENTIAL: client_id:client_secret

	wait time.Duration // see patience
}

// Secret is a text that no log, error or JSON shows.
type Secret string

// String hides the secret.
func (Secret) String() string { return "[redacted]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[redacted]" }

// MarshalText hides the secret from JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// FromEnv is the configuration with the environment over it.
func (c Config) FromEnv(env func(string) string) Config {
	for key, into := range map[string]*string{"ICEBERG_WAREHOUSE": &c.Warehouse, "ICEBERG_CATALOG_URI": &c.URI, "ICEBERG_CATALOG": &c.Catalog} {
		if v := env(key); v != "" {
			*into = v
		}
	}
	c.Token, c.Credential = Secret(env(settingToken)), Secret(env(settingCredential))
	return c
}

// plainName keeps namespaces and tables usable as folders and in SQL.
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,127}$`)

// Validate reports every problem at once. It opens nothing.
func (c Config) Validate() error {
	errs := []error{store.Check(settingWarehouse, c.Warehouse), store.Check(settingQuarantine, c.QuarantineDir)}
	for setting, name := range map[string]string{settingTable: c.Table, settingNamespace: c.namespace()} {
		if !plainName.MatchString(name) {
			errs = append(errs, pipeline.Misconfiguredf(setting, "use name %q: 1 to 128 letters, digits, _ and - are allowed, and a letter comes first", name))
		}
	}
	if c.URI != "" {
		if _, _, err := restAddress(c.URI); err != nil {
			address, _, _ := strings.Cut(c.URI, "?")
			if strings.Contains(address, "@") {
				address = "(not shown)"
			}
			errs = append(errs, pipeline.Misconfiguredf(settingURI, "reach the catalog at %s: %w", address, err))
		}
	}
	if c.Token != "" && c.Credential != "" {
		errs = append(errs, pipeline.Misconfiguredf(settingToken, "log in to the catalog: ICEBERG_REST_TOKEN and ICEBERG_REST_CREDENTIAL are both set; set one"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if store.At(c.Warehouse).Bucket != "" && c.URI == "" && c.Catalog == "" {
		return pipeline.Misconfiguredf("sink.iceberg.catalog", "find the SQLite catalog of warehouse %s: it can't lie in a bucket: name a file, or a REST catalog (%s)", c.Warehouse, settingURI)
	}
	table, quarantine := c.place(), store.At(c.QuarantineDir)
	if quarantine.Within(table) || table.Within(quarantine) {
		return pipeline.Misconfiguredf(settingQuarantine, "keep quarantine in %s: it and the table's folder %s must not contain each other", quarantine, table)
	}
	return nil
}

// patience is for how long a REST catalog may think before it answers.
func (c Config) patience() time.Duration {
	if c.wait == 0 {
		return 30 * time.Second
	}
	return c.wait
}

func (c Config) namespace() string {
	if c.Namespace == "" {
		return "default"
	}
	return c.Namespace
}

// place is where the table lies.
func (c Config) place() store.Place { return store.At(c.Warehouse).In(c.namespace() + "/" + c.Table) }

// catalogFile is the SQLite catalog's file.
func (c Config) catalogFile() string {
	if c.Catalog != "" {
		return c.Catalog
	}
	return filepath.Join(store.At(c.Warehouse).Path, "catalog.db")
}
