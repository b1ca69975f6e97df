package parquet

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gocloud.dev/blob"

	"github.com/autonomous-data-pipeline/adp/pipeline"
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
	errs = append(errs, checkPlace(settingPath, c.Dir), checkPlace(settingQuarantine, c.QuarantineDir))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	table, quarantine := c.table(), c.quarantine()
	if within(quarantine, table) || within(table, quarantine) {
		return pipeline.Misconfiguredf(settingQuarantine,
			"keep quarantine in %s: table folder %s and quarantine must not contain each other, or readers of the table would see quarantined records", quarantine, table)
	}
	return nil
}

// Beside is where a quarantine belongs if nothing says otherwise: in a folder
// of this machine, or, for tables in object storage, below name in the same
// bucket. A worker's disk may not outlive it, and with it would go records.
func (c Config) Beside(folder, name string) string {
	p := placeOf(c.Dir)
	if p.bucket == "" {
		return folder
	}
	p.path = strings.TrimPrefix(p.path+"/"+name, "/")
	return p.full()
}

// full is the place as a setting has it.
func (p place) full() string {
	if p.query == "" {
		return p.String()
	}
	return p.String() + "?" + p.query
}

// place is where a root lies: a folder's absolute path, or a bucket.
type place struct {
	path   string // of the folder; within the bucket otherwise
	bucket string // scheme://name, or empty
	query  string // the bucket's parameters
}

func (c Config) table() place {
	p := placeOf(c.Dir)
	if p.bucket != "" {
		p.path = strings.TrimPrefix(p.path+"/"+c.Table, "/")
		return p
	}
	p.path = filepath.Join(p.path, c.Table)
	return p
}

func (c Config) quarantine() place { return placeOf(c.QuarantineDir) }

func (p place) String() string {
	if p.bucket == "" {
		return p.path
	}
	return p.bucket + "/" + p.path
}

// placeOf reads a location that checkPlace has passed. A folder's path is
// absolute, so that a later change of working directory moves nothing.
func placeOf(location string) place {
	if scheme, _, isURL := strings.Cut(location, "://"); isURL && scheme != "file" {
		if u, err := url.Parse(location); err == nil {
			return place{bucket: u.Scheme + "://" + u.Host, path: strings.Trim(u.Path, "/"), query: u.RawQuery}
		}
	}
	plain := strings.TrimPrefix(location, "file://")
	if abs, err := filepath.Abs(plain); err == nil {
		plain = abs
	}
	return place{path: plain}
}

// checkPlace refuses locations that this program can't write to.
func checkPlace(setting, location string) error {
	scheme, _, isURL := strings.Cut(location, "://")
	switch {
	case location == "":
		return pipeline.Misconfiguredf(setting, "find the Parquet sink's folder: the setting is empty")
	case isURL && scheme != "file":
		return checkBucket(setting, scheme, location)
	}
	if _, err := filepath.Abs(strings.TrimPrefix(location, "file://")); err != nil {
		return pipeline.Misconfiguredf(setting, "find folder %s: %w", location, err)
	}
	return nil
}

// schemes are the kinds of object storage that there are.
var schemes = []string{"s3", "gs", "azblob"}

func checkBucket(setting, scheme, location string) error {
	u, err := url.Parse(location)
	switch {
	case err != nil:
		return pipeline.Misconfiguredf(setting, "read %s: %w", location, err)
	case blob.DefaultURLMux().ValidBucketScheme(scheme):
	case slices.Contains(schemes, scheme):
		return pipeline.Misconfiguredf(setting, "write to %s: this program was built without object storage: build it with `make build TAGS=cloud`", location)
	default:
		return pipeline.Misconfiguredf(setting, "write to %s: %s:// is unknown; use a folder, or one of %s", location, scheme, strings.Join(schemes, "://, ")+"://")
	}
	if u.Host == "" {
		return pipeline.Misconfiguredf(setting, "write to %s: it names no bucket: %s://bucket/prefix", location, scheme)
	}
	return nil
}

// store opens the place. A bucket is asked nothing yet.
func (p place) store(setting string) (store, error) {
	if p.bucket == "" {
		return folder{dir: p.path, setting: setting}, nil
	}
	at := p.bucket
	if p.query != "" {
		at += "?" + p.query
	}
	b, err := blob.OpenBucket(context.Background(), at)
	if err != nil {
		return nil, pipeline.Misconfiguredf(setting, "open bucket %s: %w", p.bucket, err)
	}
	if p.path != "" {
		b = blob.PrefixedBucket(b, p.path+"/")
	}
	return bucket{b: b, url: strings.TrimSuffix(p.String(), "/"), setting: setting}, nil
}

// within reports whether one place lies in the other, or is it.
func within(inner, outer place) bool {
	if inner.bucket != outer.bucket {
		return false
	}
	if inner.bucket != "" {
		return outer.path == "" || strings.HasPrefix(inner.path+"/", outer.path+"/")
	}
	rel, err := filepath.Rel(outer.path, inner.path)
	return err == nil && filepath.IsLocal(rel)
}
