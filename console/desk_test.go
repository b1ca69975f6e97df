package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// requests reads who asked for what from a pipeline's decision log.
func requests(t *testing.T, d consoletest.Desk, name string) []agent.PersonRequest {
	t.Helper()
	f, err := os.Open(filepath.Join(d.Config.Reports(name), "decision_log.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var out []agent.PersonRequest
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e agent.Entry
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		if e.Kind == agent.KindRequest {
			var r agent.PersonRequest
			require.NoError(t, json.Unmarshal(e.Body, &r))
			out = append(out, r)
		}
	}
	return out
}

// Every write, with the least role that may ask for it.
var writes = map[string]struct {
	least console.Role
	do    func(ctx context.Context, d consoletest.Desk, by console.Person, incident string) error
	what  string // in the log; empty: it has an entry of its own kind
}{
	"answer": {console.Approver, func(ctx context.Context, d consoletest.Desk, by console.Person, incident string) error {
		_, err := d.Answer(ctx, by, incident, pipeline.Answer{Resolution: pipeline.Release})
		return err
	}, "release"},
	"acknowledge": {console.Operator, func(ctx context.Context, d consoletest.Desk, by console.Person, incident string) error {
		return d.Acknowledge(ctx, by, incident, "mine")
	}, "acknowledge"},
	"run": {console.Operator, func(ctx context.Context, d consoletest.Desk, by console.Person, _ string) error {
		_, err := d.Run(ctx, by, "customers", "")
		return err
	}, "run"},
	"settle": {console.Approver, func(ctx context.Context, d consoletest.Desk, by console.Person, _ string) error {
		_, err := d.Settle(ctx, by, "customers", "batch-1", pipeline.Answer{Resolution: pipeline.Discard})
		return err
	}, "discard"},
	"pause": {console.Operator, func(ctx context.Context, d consoletest.Desk, by console.Person, _ string) error {
		return d.SetPaused(ctx, by, "customers", true, "lunch")
	}, "pause"},
	"kill switch": {console.Admin, func(ctx context.Context, d consoletest.Desk, by console.Person, _ string) error {
		_, err := d.TurnSwitch(ctx, by, "customers", true, "why")
		return err
	}, ""},
}

func TestAWriteTakesItsRoleAndIsRecordedWithItsAuthor(t *testing.T) {
	people := []console.Person{{}, {Name: "nobody"}, {Name: "odd", Role: "root"}, {Role: console.Admin}, consoletest.Viewer, consoletest.Operator, consoletest.Approver, consoletest.Admin}
	for name, w := range writes {
		for _, p := range people {
			t.Run(name+" by "+p.Name+" as "+string(p.Role), func(t *testing.T) {
				d := consoletest.New(t)
				i := d.Open(t, d.Ran(t, "r1", 0, pipeline.Held, nil), "dq_failures_major", true)
				err := w.do(t.Context(), d, p, i.ID)
				got := requests(t, d, "customers")
				if p.Name == "" || !p.Role.May(w.least) {
					require.ErrorIs(t, err, console.ErrForbidden)
					require.Empty(t, got)
					ids, _ := d.Temporal.Started()
					require.Empty(t, ids)
					return
				}
				require.NoError(t, err)
				if w.what == "" {
					s, err := d.Ops.Switch(t.Context(), "customers")
					require.NoError(t, err)
					require.Equal(t, p.Name, s.By)
					return
				}
				require.Len(t, got, 1)
				require.Equal(t, []string{p.Name, string(p.Role), "console", w.what, "customers"},
					[]string{got[0].By, got[0].Role, got[0].Via, got[0].What, got[0].Pipeline})
			})
		}
	}
}

func TestTheSameKeyStartsOneRun(t *testing.T) {
	d := consoletest.New(t)
	first, err := d.Run(t.Context(), consoletest.Operator, "customers", "upload-7")
	require.NoError(t, err)
	again, err := d.Run(t.Context(), consoletest.Operator, "customers", "upload-7")
	require.ErrorIs(t, err, console.ErrConflict)
	require.Equal(t, first, again)
	_, err = d.Run(t.Context(), consoletest.Operator, "orders", "upload-7")
	require.NoError(t, err, "a key belongs to its pipeline")
	ids, _ := d.Temporal.Started()
	require.Len(t, ids, 2)
}

func TestTheSecondAnswerHearsWhoWasFirst(t *testing.T) {
	d := consoletest.New(t)
	i := d.Open(t, d.Ran(t, "r1", 0, pipeline.Held, nil), "dq_failures_major", true)
	_, err := d.Answer(t.Context(), consoletest.Approver, i.ID, pipeline.Answer{Resolution: pipeline.Release, By: "somebody else"})
	require.NoError(t, err)
	_, err = d.Answer(t.Context(), consoletest.Admin, i.ID, pipeline.Answer{Resolution: pipeline.Discard})
	require.ErrorIs(t, err, console.ErrConflict)
	require.ErrorContains(t, err, "release by anna")
	require.ErrorIs(t, d.Acknowledge(t.Context(), consoletest.Operator, i.ID, ""), console.ErrConflict)
}

func TestHealth(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, d consoletest.Desk)
		want console.Health
	}{
		"never run is unknown":           {func(*testing.T, consoletest.Desk) {}, console.Unknown},
		"a run that got through is well": {func(t *testing.T, d consoletest.Desk) { d.Ran(t, "r1", 0, pipeline.Remediated, nil) }, console.Well},
		"a failed last run is failing":   {func(t *testing.T, d consoletest.Desk) { d.Ran(t, "r1", 0, pipeline.Failed, nil) }, console.Failing},
		"an open incident asks for attention": {func(t *testing.T, d consoletest.Desk) {
			d.Open(t, d.Ran(t, "r1", 0, pipeline.Succeeded, nil), "late_arrivals_major", false)
		}, console.Attention},
		"a file that can't be read is broken": {func(t *testing.T, d consoletest.Desk) {
			d.Ran(t, "r1", 0, pipeline.Succeeded, nil)
			require.NoError(t, os.WriteFile(filepath.Join(d.Config.PipelinesDir, "customers.yml"), []byte("name: ["), 0o644))
		}, console.Broken},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := consoletest.New(t)
			tc.make(t, d)
			s, err := d.Standing(t.Context(), "customers")
			require.NoError(t, err)
			require.Equal(t, tc.want, s.Health, s.Problems)
		})
	}
}

func TestAServiceThatIsDownLeavesTheRestVisible(t *testing.T) {
	d := consoletest.New(t)
	d.Ran(t, "r1", 0, pipeline.Succeeded, nil)
	d.Temporal.Err = pipeline.Faultf(pipeline.Transient, "nobody answers")
	all, err := d.Standings(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "r1", all[0].LastRun.RunID)
	require.Contains(t, all[0].Problems[0], "nobody answers")
}

func TestWhatNobodyDeclaredIsNotFound(t *testing.T) {
	d := consoletest.New(t)
	for _, name := range []string{"", "nobody", "../customers", "customers.yml", "Customers"} {
		_, err := d.Standing(t.Context(), name)
		require.ErrorIs(t, err, ops.ErrNotFound, name)
		_, err = d.Sink(name)
		require.ErrorIs(t, err, ops.ErrNotFound, name)
		_, err = d.Run(t.Context(), consoletest.Admin, name, "k")
		require.ErrorIs(t, err, ops.ErrNotFound, name)
	}
	_, err := d.Answer(t.Context(), consoletest.Admin, "inc-none", pipeline.Answer{Resolution: pipeline.Release})
	require.ErrorIs(t, err, ops.ErrNotFound)
}

// Against the service itself, what was first is known from the store alone.
func TestTheSecondAnswerIsToldByTheStore(t *testing.T) {
	d := consoletest.New(t)
	i := d.Open(t, d.Ran(t, "r1", 0, pipeline.Held, nil), "dq_failures_major", true)
	_, err := d.Answer(t.Context(), consoletest.Approver, i.ID, pipeline.Answer{Resolution: pipeline.Replay})
	require.NoError(t, err)
	d.Temporal.Err = fmt.Errorf("answer incident %s: %w: it was answered already", i.ID, console.ErrConflict)
	_, err = d.Answer(t.Context(), consoletest.Admin, i.ID, pipeline.Answer{Resolution: pipeline.Discard})
	require.EqualError(t, err, "answer incident "+i.ID+": conflict: it was answered already: replay by anna was first")
}
