package store

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const settingPath = "sink.path / PARQUET_OUT"

func TestTheQuarantineStaysWithTheTable(t *testing.T) {
	tests := map[string]struct{ dir, want string }{
		"a folder's is a folder":           {"/lake", "/data/quarantine/t"},
		"a bucket's is in the bucket":      {"s3://lake/out", "s3://lake/out/_quarantine/t"},
		"the bucket's parameters are kept": {"s3://lake?region=x", "s3://lake/_quarantine/t?region=x"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Beside(tc.dir, "/data/quarantine/t", "_quarantine/t"); got != tc.want {
				t.Errorf("the quarantine is %s, want %s", got, tc.want)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	tests := map[string]struct {
		at, below string
		want      string
		inside    string // another place that it lies in, or not
		lies      bool
	}{
		"a prefix of a bucket":              {"s3://lake/out?region=x", "t", "s3://lake/out/t", "s3://lake/q", false},
		"a whole bucket":                    {"s3://lake", "t", "s3://lake/t", "s3://lake", true},
		"a prefix of the same beginning":    {"s3://lake/out", "table", "s3://lake/out/table", "s3://lake/out/t", false},
		"the same prefix of another bucket": {"s3://lake/out", "t", "s3://lake/out/t", "s3://other/out/t", false},
		"a bucket and a folder":             {"s3://lake/out", "t", "s3://lake/out/t", "/out", false},
		"a folder":                          {"file:///out", "t", "/out/t", "/out", true},
		"a folder beside":                   {"/out", "t", "/out/t", "/out/t-quarantine", false},
		"the same place":                    {"/out", "t", "/out/t", "/out/t", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := At(tc.at).In(tc.below)
			if p.String() != tc.want {
				t.Errorf("the place is %s, want %s", p, tc.want)
			}
			if got := p.Within(At(tc.inside)); got != tc.lies {
				t.Errorf("lying in %s is %v, want %v", tc.inside, got, tc.lies)
			}
		})
	}
}

func TestFaultKinds(t *testing.T) {
	r := folder{dir: "/data/out/customers", setting: settingPath}
	tests := map[string]struct {
		err  error
		kind pipeline.Kind
		says string
	}{
		"a full disk heals once somebody frees space":   {syscall.ENOSPC, pipeline.Transient, "free space"},
		"a used up quota heals the same way":            {syscall.EDQUOT, pipeline.Transient, "free space"},
		"a missing permission is a setting":             {syscall.EACCES, pipeline.Misconfigured, "write below"},
		"a read-only file system is a setting":          {syscall.EROFS, pipeline.Misconfigured, "write below"},
		"a file in the folder's place is a setting":     {syscall.ENOTDIR, pipeline.Misconfigured, "not a folder"},
		"a file system without hard links is a setting": {syscall.ENOTSUP, pipeline.Misconfigured, "hard links"},
		"anything else is tried again":                  {syscall.EIO, pipeline.Transient, "input/output"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := r.Fault(&fs.PathError{Op: "write", Path: "x", Err: tc.err}, "write x")
			if pipeline.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) || !errors.Is(err, tc.err) {
				t.Errorf("fault is %v of kind %s, want %s with %q", err, pipeline.KindOf(err), tc.kind, tc.says)
			}
			if tc.kind == pipeline.Misconfigured || tc.says == "free space" {
				if !strings.Contains(err.Error(), settingPath) {
					t.Errorf("fault %v doesn't name the setting", err)
				}
			}
		})
	}
	if r.Fault(nil, "write x") != nil {
		t.Error("no error became a fault")
	}
}

// code is an error as a cloud's SDK gives it.
type code string

func (c code) Error() string     { return string(c) }
func (c code) ErrorCode() string { return string(c) }

func TestFaultsOfABucket(t *testing.T) {
	b := bucket{url: "s3://lake/out", setting: settingPath}
	for text, want := range map[string]pipeline.Kind{
		"NoSuchBucket": pipeline.Misconfigured, "InvalidAccessKeyId": pipeline.Misconfigured, "SignatureDoesNotMatch": pipeline.Misconfigured,
		"AccessDenied": pipeline.Misconfigured, "ExpiredToken": pipeline.Misconfigured, "SlowDown": pipeline.Transient, "InternalError": pipeline.Transient,
	} {
		if err := b.Fault(code(text), "put"); pipeline.KindOf(err) != want {
			t.Errorf("%s gives %v, want kind %s", text, err, want)
		}
	}
	if err := b.Fault(context.Canceled, "put"); !errors.Is(err, context.Canceled) || errors.As(err, new(*pipeline.Fault)) {
		t.Errorf("the end of a context gives %v, want itself", err)
	}
}
