package main

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/activities"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// recorder stands for a worker and keeps what is registered.
type recorder struct{ workflows, activities []string }

func (r *recorder) RegisterWorkflow(w any) {
	r.workflows = append(r.workflows, reflect.ValueOf(w).String())
}

func (r *recorder) RegisterActivity(a any) {
	t := reflect.TypeOf(a)
	for i := range t.NumMethod() {
		r.activities = append(r.activities, t.Method(i).Name)
	}
}

func TestEveryStubIsARegisteredActivityAndTheOtherWayRound(t *testing.T) {
	var r recorder
	register(&r, &activities.Set{})
	want := workflows.Stubs()
	slices.Sort(want)
	slices.Sort(r.activities)
	require.Equal(t, want, r.activities)
	require.Len(t, r.workflows, 6)
}
