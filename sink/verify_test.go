package sink_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// holds is a sink that says what it has.
type holds struct {
	sink.Sink
	covered []pipeline.Range
	table   []int64 // offsets of partition 0
	kept    []int64
	expired sink.Expired
}

func (h holds) State(context.Context) (sink.State, error) {
	return sink.State{Expired: h.expired}, nil
}
func (h holds) Gaps(context.Context) ([]pipeline.Range, error)    { return nil, nil }
func (h holds) Covered(context.Context) ([]pipeline.Range, error) { return h.covered, nil }
func (h holds) Locate(_ context.Context, fn func(sink.Place, int32, int64) error) error {
	for place, offsets := range map[sink.Place][]int64{sink.InTable: h.table, sink.InQuarantine: h.kept} {
		for _, off := range offsets {
			if err := fn(place, 0, off); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestVerifyNamesEveryRecordThatIsNotInOnePlace(t *testing.T) {
	tests := map[string]struct {
		table, kept            []int64
		topic                  []int64 // offsets with a record
		logStart               int64
		lost, doubled, strange int64
		expired                int64
		named                  []sink.Misplaced
	}{
		"each in one place":                    {table: []int64{0, 1}, kept: []int64{2}, topic: []int64{0, 1, 2}},
		"a hole in the topic is no loss":       {table: []int64{0}, kept: []int64{2}, topic: []int64{0, 2}},
		"one that is nowhere is lost":          {table: []int64{0}, topic: []int64{0, 2}, lost: 1, named: []sink.Misplaced{{Offset: 2}}},
		"one in both places is doubled":        {table: []int64{0, 1}, kept: []int64{1}, topic: []int64{0, 1}, doubled: 1, named: []sink.Misplaced{{Offset: 1, Found: 2}}},
		"one twice in the table is doubled":    {table: []int64{0, 0}, topic: []int64{0}, doubled: 1, named: []sink.Misplaced{{Offset: 0, Found: 2}}},
		"one that the topic never had":         {table: []int64{0, 1}, topic: []int64{0}, strange: 1, named: []sink.Misplaced{{Offset: 1, Found: 1}}},
		"one beyond what was loaded":           {table: []int64{0, 9}, topic: []int64{0}, strange: 1, named: []sink.Misplaced{{Offset: 9, Found: 1}}},
		"what retention took since is no loss": {table: []int64{0, 1, 2}, topic: []int64{2}, logStart: 2, expired: 2},
		"and is still doubled if it is":        {table: []int64{0, 0, 2}, topic: []int64{2}, logStart: 2, expired: 1, doubled: 1, named: []sink.Misplaced{{Offset: 0, Found: 2}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := holds{covered: []pipeline.Range{{Start: 0, End: 3}}, table: tc.table, kept: tc.kept}
			read := func(_ context.Context, r pipeline.Range, fn func(int64) error) error {
				for _, off := range tc.topic {
					if r.Contains(0, off) {
						if err := fn(off); err != nil {
							return err
						}
					}
				}
				return nil
			}
			a, err := sink.Verify(t.Context(), h, []pipeline.Range{{Start: tc.logStart, End: 3}}, read)
			require.NoError(t, err)
			require.Equal(t, []int64{tc.lost, tc.doubled, tc.strange, tc.expired}, []int64{a.Lost, a.Doubled, a.Strange, a.Expired})
			require.Equal(t, tc.named, a.Named)
			require.Equal(t, tc.lost+tc.doubled+tc.strange == 0, a.Balanced())
			require.Equal(t, int64(len(tc.table)), a.Table)
		})
	}
}

// TestVerifyTellsWhatRetentionTookFromWhatWasLost holds that an expiry hides no
// loss: a record more than it took is lost.
func TestVerifyTellsWhatRetentionTookFromWhatWasLost(t *testing.T) {
	all := []pipeline.Range{{Start: 0, End: 6}}
	tests := map[string]struct {
		table         []int64
		expired       sink.Expired
		removed, lost int64
	}{
		"what retention took is no loss":            {[]int64{0, 1, 2}, sink.Expired{Ranges: all, Records: 3}, 3, 0},
		"one more that is missing is lost":          {[]int64{0, 1}, sink.Expired{Ranges: all, Records: 3}, 3, 1},
		"one that is missing outside them is lost":  {[]int64{0, 1, 2, 3}, sink.Expired{Ranges: []pipeline.Range{{Start: 0, End: 5}}, Records: 3}, 1, 1},
		"one that is there was not the one removed": {[]int64{0, 1, 2, 3, 4}, sink.Expired{Ranges: all, Records: 2}, 1, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			read := func(_ context.Context, r pipeline.Range, fn func(int64) error) error {
				for off := r.Start; off < r.End; off++ {
					if err := fn(off); err != nil {
						return err
					}
				}
				return nil
			}
			a, err := sink.Verify(t.Context(), holds{covered: all, table: tc.table, expired: tc.expired}, all, read)
			require.NoError(t, err)
			require.Equal(t, []int64{tc.removed, tc.lost}, []int64{a.Removed, a.Lost})
		})
	}
}

// TestVerifyKnowsHolesInTheMiddleOfALog: a file that was removed once it was
// loaded takes nothing from the account.
func TestVerifyKnowsHolesInTheMiddleOfALog(t *testing.T) {
	log := []pipeline.Range{{Start: 0, End: 2}, {Start: 4, End: 5}, {Start: 6, End: 6}}
	tests := map[string]struct {
		table                          []int64
		expired, lost, strange, topics int64
	}{
		"what the hole took is no loss":      {[]int64{0, 1, 2, 3, 4, 5}, 3, 0, 0, 3},
		"a loss beside the hole is a loss":   {[]int64{0, 1, 2, 3, 5}, 3, 1, 0, 3},
		"what the log never had is strange":  {[]int64{0, 1, 4, 5, 6}, 1, 0, 1, 3},
		"a hole that held nothing is silent": {[]int64{0, 1, 4}, 0, 0, 0, 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			read := func(_ context.Context, r pipeline.Range, fn func(int64) error) error {
				for off := r.Start; off < r.End; off++ {
					if !r.Contains(0, off) || (off >= 2 && off != 4) {
						t.Errorf("offset %d was asked for", off)
					}
					if err := fn(off); err != nil {
						return err
					}
				}
				return nil
			}
			a, err := sink.Verify(t.Context(), holds{covered: []pipeline.Range{{Start: 0, End: 6}}, table: tc.table}, log, read)
			require.NoError(t, err)
			require.Equal(t, []int64{tc.expired, tc.lost, tc.strange, tc.topics}, []int64{a.Expired, a.Lost, a.Strange, a.Topic})
		})
	}
}
