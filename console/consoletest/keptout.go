package consoletest

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

// KeptOut is the batch that KeepOut loads.
var KeptOut = pipeline.NewBatch("customers", "customers", []pipeline.Range{{Partition: 0, Start: 0, End: 11}})

// KeepOut puts KeptOut into the table of customers as a run's, all of it in
// quarantine: five records whose age is a number in quotes, five whose age is
// no number and which have a field of this name, and one that is malformed.
func (d Desk) KeepOut(t testing.TB, r pipeline.RunReport, field string) sink.Entry {
	t.Helper()
	set, err := config.NewCatalog(d.Config, d.Env).Dataset(t.Context(), "customers")
	require.NoError(t, err)
	var rejects []pipeline.Reject
	for n := range 10 {
		reject := pipeline.Reject{
			Kind: pipeline.SuspectFile, Offset: int64(n), TimestampMs: At.UnixMilli(), Raw: customer(n, map[string]string{"age": fmt.Sprintf(`"%d"`, 20+n)}),
			Reasons: []pipeline.Reason{{Code: "type_changed", Field: "age", Detail: "a string, not a long"}},
		}
		if n >= 5 {
			reject.Raw = customer(n, map[string]string{"age": `"many"`, field: `"x"`})
			reject.Reasons[0].Field, reject.Reasons[0].Detail = field, field
		}
		rejects = append(rejects, reject)
	}
	rejects = append(rejects, pipeline.Reject{
		Kind: pipeline.MalformedFile, Offset: 10, TimestampMs: At.UnixMilli(), Raw: []byte{0xff, 0x00}, Reasons: []pipeline.Reason{{Code: "malformed"}},
	})
	_, err = set.Sink.Load(t.Context(), sink.Load{
		RunID: r.RunID, Batch: KeptOut, Schema: set.Declared, SchemaVersion: 1,
		Quarantine: []pipeline.File{sinktest.WriteRejects(t, filepath.Join(t.TempDir(), "rejects.parquet"), rejects)},
		Records:    pipeline.Records{Read: 11, Suspect: 10, Malformed: 1, Quarantined: 11},
	})
	require.NoError(t, err)
	entry, err := d.Entry(t.Context(), "customers", KeptOut.ID)
	require.NoError(t, err)
	return entry
}

// customer is an event with some fields given as JSON.
func customer(n int, given map[string]string) []byte {
	fields := map[string]string{
		"id": fmt.Sprintf(`"e-%d"`, n), "customer_id": fmt.Sprint(n), "name": `"Ana"`, "email": `"ana@shop.example"`, "country": `"DE"`, "plan": `"pro"`,
		"age": "40", "monthly_spend": "9.5", "active": "true", "signup_date": `"2026-01-02"`, "event_time": `"2026-11-23T08:59:00Z"`,
	}
	maps.Copy(fields, given)
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, fmt.Sprintf("%q:%s", k, fields[k]))
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}
