//go:build cloud

package parquet

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/autonomous-data-pipeline/adp/internal/fakes3"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// TestConformanceOnS3 also kills processes between the steps of a commit.
func TestConformanceOnS3(t *testing.T) {
	server := fakes3.Start(t)
	var buckets atomic.Int64
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		in := server.Bucket(t, fmt.Sprint("lake-", buckets.Add(1)))
		cfg := Config{Dir: in("out"), Table: "customers", QuarantineDir: in("quarantine")}
		table := func() store.Store {
			st, err := cfg.table().Open(settingPath)
			if err != nil {
				t.Fatal(err)
			}
			return st
		}
		return sinktest.Harness{
			Open:        func() (sink.Sink, error) { return New(cfg) },
			Damage:      damage(table),
			CrashPoints: crashPoints,
			Crash: func(point string, step sinktest.Step) (bool, error) {
				return crash(victim{Config: cfg, Point: point, Step: step})
			},
		}
	})
}

func TestBucketsThatCantBeUsed(t *testing.T) {
	server := fakes3.Start(t)
	in := server.Bucket(t, "lake")
	tests := map[string]struct {
		config  Config
		setting string
	}{
		"a bucket that isn't there": {Config{Dir: server.In("gone", "out"), Table: "t", QuarantineDir: in("q")}, settingPath},
		"a quarantine bucket that isn't there": {
			Config{Dir: in("out"), Table: "t", QuarantineDir: server.In("gone", "q")}, settingQuarantine,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := New(tc.config)
			if err != nil {
				t.Fatal(err)
			}
			l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{Ranges: []pipeline.Range{{End: 10}}})
			_, err = s.Load(t.Context(), l)
			wantMisconfigured(t, err, tc.setting)
			if _, err := s.State(t.Context()); tc.setting == settingPath {
				wantMisconfigured(t, err, tc.setting) // an unreachable table must not look like an empty one
			}
			st, err := good(t, in).State(context.Background())
			if err != nil || st.Sequence != 0 {
				t.Errorf("the good table is at commit %d, %v", st.Sequence, err)
			}
		})
	}
}

func good(t *testing.T, in func(string) string) *Sink {
	t.Helper()
	s, err := New(Config{Dir: in("out"), Table: "t", QuarantineDir: in("q")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
