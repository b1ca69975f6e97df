package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/activities"
	"github.com/autonomous-data-pipeline/adp/sink"
)

func TestAgesCountDays(t *testing.T) {
	tests := map[string]struct {
		text string
		want time.Duration
		bad  bool
	}{
		"0 is for ever":                {"0", 0, false},
		"days":                         {"90d", 90 * day, false},
		"hours":                        {"36h", 36 * time.Hour, false},
		"both":                         {"1d12h", 36 * time.Hour, false},
		"the longest":                  {"106750d", 106750 * day, false},
		"longer than a duration holds": {"106751d24h", 0, true},
		"no unit":                      {"90", 0, true},
		"empty":                        {"", 0, true},
		"no number":                    {"d", 0, true},
		"half days":                    {"1.5d", 0, true},
		"days twice":                   {"1d2d", 0, true},
		"minus after days":             {"1d-2h", 0, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseAge(tc.text)
			require.Equal(t, tc.bad, err != nil, "%v", err)
			require.Equal(t, tc.want, time.Duration(got))
		})
	}
}

func FuzzParseAge(f *testing.F) {
	for _, s := range []string{"0", "90d", "1d12h", "-5h", "106751d23h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAge(text)
		if err != nil {
			return
		}
		again, err := ParseAge(a.String())
		if err != nil || again != a {
			t.Errorf("%q is %v, and that is %v, %v", text, a, again, err)
		}
	})
}

func TestRetentionHasDefaultsAndRefusesNonsense(t *testing.T) {
	d, err := project(t, same).Declare("customers", env())
	require.NoError(t, err)
	require.Equal(t, activities.Retention{Staging: day, Reports: 90 * day, History: 90 * day}, d.Retention.wire())
	require.Equal(t, day, d.Maintenance.Every)
	require.Equal(t, sink.MaintainOptions{ExpireAfter: 7 * day, KeepSnapshots: 20, CompactBelowBytes: 32 << 20, TargetBytes: 256 << 20}, d.Maintenance.upkeep())

	add := func(text string) func(string) string { return func(s string) string { return s + "\n" + text } }
	tests := map[string]struct {
		text string
		want []string
	}{
		"a negative age":        {"retention: {history: -1h}", []string{"retention.history", "customers.yml:"}},
		"an age without a unit": {"retention: {reports: 90}", []string{"90", "90d"}},
		"an unknown key":        {"retention: {tables: 1d}", []string{"tables"}},
		"maintenance at no time": {
			"maintenance: {every: 0s}", []string{"maintenance.every"},
		},
		"upkeep that can't be": {
			"maintenance: {keep_snapshots: 0, target_bytes: 1000, expire_after: -1h}",
			[]string{"maintenance.keep_snapshots", "maintenance.target_bytes", "maintenance.expire_after"},
		},
	}
	t.Chdir("config") // project went up
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := project(t, add(tc.text)).Declare("customers", env())
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}
