package store

import (
	"context"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Place is where a store lies: a folder's absolute path, or a bucket's prefix.
type Place struct {
	Path   string // of the folder; within the bucket otherwise
	Bucket string // scheme://name, or empty
	query  string // the bucket's parameters
}

// At reads a location that Check has passed: a path, file://, or a bucket's URL
// (s3://bucket/prefix?region=…). A folder's path is absolute, so that a later
// change of working directory moves nothing.
func At(location string) Place {
	if scheme, _, isURL := strings.Cut(location, "://"); isURL && scheme != "file" {
		if u, err := url.Parse(location); err == nil {
			return Place{Bucket: u.Scheme + "://" + u.Host, Path: strings.Trim(u.Path, "/"), query: u.RawQuery}
		}
	}
	plain := strings.TrimPrefix(location, "file://")
	if abs, err := filepath.Abs(plain); err == nil {
		plain = abs
	}
	return Place{Path: plain}
}

// In is a place below this one.
func (p Place) In(name string) Place {
	if p.Bucket == "" {
		p.Path = filepath.Join(p.Path, filepath.FromSlash(name))
	} else {
		p.Path = strings.TrimPrefix(p.Path+"/"+name, "/")
	}
	return p
}

// String is the place without its parameters.
func (p Place) String() string {
	if p.Bucket == "" {
		return p.Path
	}
	return p.Bucket + "/" + p.Path
}

// Full is the place as a setting has it.
func (p Place) Full() string {
	if p.query == "" {
		return p.String()
	}
	return p.String() + "?" + p.query
}

// Beside is where a quarantine belongs if nothing says otherwise: in a folder
// of this machine, or, for tables in object storage, below name in the same
// bucket. A worker's disk may not outlive it, and with it would go records.
func Beside(location, folder, name string) string {
	p := At(location)
	if p.Bucket == "" {
		return folder
	}
	return p.In(name).Full()
}

// Within reports whether a place lies in another one, or is it.
func (p Place) Within(outer Place) bool {
	if p.Bucket != outer.Bucket {
		return false
	}
	if p.Bucket != "" {
		return outer.Path == "" || strings.HasPrefix(p.Path+"/", outer.Path+"/")
	}
	rel, err := filepath.Rel(outer.Path, p.Path)
	return err == nil && filepath.IsLocal(rel)
}

// schemes are the kinds of object storage that there are.
var schemes = []string{"s3", "gs", "azblob"}

// Check refuses locations that this program can't write to. It opens nothing.
func Check(setting, location string) error {
	scheme, _, isURL := strings.Cut(location, "://")
	switch {
	case location == "":
		return pipeline.Misconfiguredf(setting, "find the table's place: the setting is empty")
	case isURL && scheme != "file":
		return checkBucket(setting, scheme, location)
	}
	if _, err := filepath.Abs(strings.TrimPrefix(location, "file://")); err != nil {
		return pipeline.Misconfiguredf(setting, "find folder %s: %w", location, err)
	}
	return nil
}

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

// Open opens the place. A bucket is asked nothing yet. Errors name the setting.
func (p Place) Open(setting string) (Store, error) {
	if p.Bucket == "" {
		return folder{dir: p.Path, setting: setting}, nil
	}
	at := p.Bucket
	if p.query != "" {
		at += "?" + p.query
	}
	b, err := blob.OpenBucket(context.Background(), at)
	if err != nil {
		return nil, pipeline.Misconfiguredf(setting, "open bucket %s: %w", p.Bucket, err)
	}
	return InBucket(b, p, setting), nil
}

// InBucket is the store at a place of an open bucket.
func InBucket(b *blob.Bucket, p Place, setting string) Store {
	if p.Path != "" {
		b = blob.PrefixedBucket(b, p.Path+"/")
	}
	return bucket{b: b, url: strings.TrimSuffix(p.String(), "/"), setting: setting}
}
