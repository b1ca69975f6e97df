package files

import (
	"context"
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gocloud.dev/blob"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// The settings that errors name.
const (
	settingTopic     = "source.topic"
	settingPath      = "source.files.path / FILES_PATH"
	settingPattern   = "source.files.pattern"
	settingFormat    = "source.files.format"
	settingSettle    = "source.files.settle"
	settingIndex     = "source.files.index"
	settingDelimiter = "source.files.delimiter"
)

// The formats of files.
const (
	NDJSON  = "ndjson"  // a JSON object a line
	CSV     = "csv"     // RFC 4180, the first row names the fields
	Parquet = "parquet" // a row is a record
)

// Config says where files arrive and what they are. The topic is the folder
// below Path that a pipeline reads.
type Config struct {
	Path      string        `yaml:"path"`      // folder, or bucket (s3://bucket/prefix?region=…, gs://, azblob://) that holds topics; FILES_PATH overrides it
	Pattern   string        `yaml:"pattern"`   // of the names to take, as in *.csv; default *
	Format    string        `yaml:"format"`    // ndjson, csv or parquet; default: by the name's ending
	Settle    time.Duration `yaml:"settle"`    // a file is taken once it hasn't changed for so long; default 5s
	Index     string        `yaml:"index"`     // file that remembers which file has which offsets; default <DATA_DIR>/sources/<pipeline>/index.db
	Delimiter string        `yaml:"delimiter"` // between the cells of CSV, one ASCII character; default a comma
}

// DefaultConfig has everything but path and index.
func DefaultConfig() Config {
	return Config{Pattern: "*", Settle: 5 * time.Second, Delimiter: ","}
}

// Options are what the source must know of the rest of the pipeline.
type Options struct {
	// Schema tells which cells of CSV are numbers: its text says nothing about
	// types. Nil leaves all of them strings.
	Schema *schemas.Schema
	// MaxRecordBytes is the engine's limit. Of a longer line so much and one byte
	// more is given, so that the engine rejects it.
	MaxRecordBytes int
}

// Validate reports every problem at once. It opens nothing.
func (c Config) Validate() error {
	errs := []error{checkPlace(c.Path)}
	bad := func(wrong bool, setting, format string, args ...any) {
		if wrong {
			errs = append(errs, pipeline.Misconfiguredf(setting, format, args...))
		}
	}
	_, pattern := path.Match(c.Pattern, "")
	bad(c.Pattern == "" || pattern != nil, settingPattern, "take files by the pattern %q: it is no pattern; use something like *.csv", c.Pattern)
	bad(!slices.Contains([]string{"", NDJSON, CSV, Parquet}, c.Format), settingFormat, "read files of format %q: it is ndjson, csv or parquet, or empty to go by the names", c.Format)
	bad(c.Settle < 0, settingSettle, "wait %s for a file to settle: the time is negative", c.Settle)
	bad(c.Index == "", settingIndex, "remember the files' offsets: the path is empty")
	bad(!delimiter(c.Delimiter), settingDelimiter, "cut rows into cells at %q: one ASCII character is needed, which is no quote and no line end", c.Delimiter)
	return errors.Join(errs...)
}

func delimiter(s string) bool {
	return len(s) == 1 && s[0] < utf8.RuneSelf && !strings.ContainsAny(s, "\"\r\n\x00")
}

// schemes are the kinds of object storage that there are.
var schemes = []string{"s3", "gs", "azblob"}

func checkPlace(location string) error {
	scheme, _, isURL := strings.Cut(location, "://")
	if location == "" {
		return pipeline.Misconfiguredf(settingPath, "find the folder of files: the setting is empty")
	}
	if !isURL || scheme == "file" {
		return nil
	}
	u, err := url.Parse(location)
	switch {
	case err != nil:
		return pipeline.Misconfiguredf(settingPath, "read from the bucket: %w", err)
	case blob.DefaultURLMux().ValidBucketScheme(scheme):
	case slices.Contains(schemes, scheme):
		return pipeline.Misconfiguredf(settingPath, "read from %s: this program was built without object storage: build it with `make build TAGS=cloud`", location)
	default:
		return pipeline.Misconfiguredf(settingPath, "read from %s: %s:// is unknown; use a folder, or one of %s", location, scheme, strings.Join(schemes, "://, ")+"://")
	}
	if u.Host == "" {
		return pipeline.Misconfiguredf(settingPath, "read from %s: it names no bucket: %s://bucket/prefix", location, scheme)
	}
	return nil
}

// open opens the place that holds the topics. A bucket is asked nothing yet.
func (c Config) open() (store, error) {
	if scheme, _, isURL := strings.Cut(c.Path, "://"); isURL && scheme != "file" {
		return c.openBucket()
	}
	dir := strings.TrimPrefix(c.Path, "file://")
	abs, err := filepath.Abs(dir) // a later change of working directory moves nothing
	if err != nil {
		return nil, pipeline.Misconfiguredf(settingPath, "find folder %s: %w", dir, err)
	}
	return folder{dir: abs}, nil
}

func (c Config) openBucket() (store, error) {
	u, err := url.Parse(c.Path)
	if err != nil {
		return nil, pipeline.Misconfiguredf(settingPath, "read from the bucket: %w", err)
	}
	prefix := strings.Trim(u.Path, "/")
	u.Path = ""
	b, err := blob.OpenBucket(context.Background(), u.String())
	if err != nil {
		return nil, pipeline.Misconfiguredf(settingPath, "open bucket %s://%s: %w", u.Scheme, u.Host, err)
	}
	if prefix != "" {
		b = blob.PrefixedBucket(b, prefix+"/")
	}
	return bucket{b: b, url: strings.TrimSuffix(u.Scheme+"://"+u.Host+"/"+prefix, "/")}, nil
}

// formatOf tells a file's format and whether it is compressed.
func (c Config) formatOf(name string) (format string, zipped bool, err error) {
	base, zipped := strings.CutSuffix(path.Base(name), ".gz")
	format = c.Format
	if format == "" {
		switch strings.ToLower(path.Ext(base)) {
		case ".ndjson", ".jsonl", ".json":
			format = NDJSON
		case ".csv":
			format = CSV
		case ".parquet":
			format = Parquet
		default:
			return "", false, pipeline.Misconfiguredf(settingPattern,
				"take file %s: its name's ending is none of .ndjson, .jsonl, .json, .csv and .parquet: set source.files.format, narrow source.files.pattern, or let its name begin with an underscore", name)
		}
	}
	if zipped && format == Parquet {
		return "", false, pipeline.Misconfiguredf(settingPattern, "take file %s: Parquet compresses by itself: store the file without gzip", name)
	}
	return format, zipped, nil
}
