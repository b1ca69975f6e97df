package crashpoint

import (
	"reflect"
	"syscall"
	"testing"
)

func TestAnOrderIsCarriedOutOnceAtItsPoint(t *testing.T) {
	dir := t.TempDir()
	var struck []syscall.Signal
	points := func() *Points {
		return &Points{dir: dir, hit: func(s syscall.Signal) { struck = append(struck, s) }}
	}
	one, other := points(), points()
	one.Here("load")
	give := func(o Order) {
		if err := Give(dir, o); err != nil {
			t.Fatal(err)
		}
	}
	give(Order{ID: "1", Point: "load", Nth: 2, Signal: syscall.SIGSTOP})
	for i, step := range []struct {
		by    *Points
		point string
		want  int // strikes so far
	}{
		{one, "plan", 0}, {one, "load", 0}, {other, "load", 0}, {one, "load", 1}, {one, "load", 1}, {other, "load", 1},
	} {
		step.by.Here(step.point)
		if len(struck) != step.want || Pending(dir) != (step.want == 0) {
			t.Fatalf("step %d: %d strikes, pending %v, want %d", i, len(struck), Pending(dir), step.want)
		}
	}
	// Another order counts anew.
	give(Order{ID: "2", Point: "load", Nth: 2, Signal: syscall.SIGKILL})
	one.Here("load")
	if len(struck) != 1 {
		t.Fatal("the second order counts what the first had counted")
	}
	if err := Withdraw(dir); err != nil {
		t.Fatal(err)
	}
	one.Here("load")
	if want := []syscall.Signal{syscall.SIGSTOP}; !reflect.DeepEqual(struck, want) {
		t.Fatalf("struck by %v, want %v", struck, want)
	}
	if err := Withdraw(dir); err != nil {
		t.Fatalf("withdrawing what isn't there: %v", err)
	}
}

func TestPassedPointsAreListedOnce(t *testing.T) {
	dir := t.TempDir()
	p := New(dir)
	for _, point := range []string{"plan", "load", "load"} {
		p.Here(point)
	}
	for _, want := range [][]string{{"plan", "load", "load"}, nil} {
		got, err := Passed(dir)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("passed %v, %v, want %v", got, err, want)
		}
	}
}
