//go:build !cloud

package parquet

import (
	"strings"
	"testing"
)

func TestABucketNeedsAProgramThatKnowsIt(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dir = "s3://bucket/x"
	_, err := New(cfg)
	wantMisconfigured(t, err, settingPath)
	if !strings.Contains(err.Error(), "TAGS=cloud") {
		t.Errorf("error %v doesn't say how to build", err)
	}
}
