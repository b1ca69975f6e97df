//go:build integration

package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

// fault is one strike in the middle of a scenario.
type fault struct {
	kind     string // row of the table
	what     string
	scenario scenario
	arm      func(l *lane)                                       // before the work begins; may be nil
	strike   func(l *lane, r *rand.Rand, job client.WorkflowRun) // leaves everything healed
}

func (f fault) String() string {
	return fmt.Sprintf("%s (%s) during %s", f.kind, f.what, f.scenario.name)
}

// The kinds of faults.
const (
	killedAt     = "worker killed at a named point"
	killedRandom = "worker killed at a random moment"
	killedTwice  = "worker killed twice in a run"
	frozenAt     = "worker frozen at a named point, another takes over"
	frozenRandom = "worker frozen at a random moment, another takes over"
	driftKilled  = "new field in the data, worker killed"
	schemaKilled = "schema file changed between kill and restart"
	temporalDied = "Temporal's server killed"
	brokerDied   = "broker killed"
	kafkaWire    = "network to Kafka spoiled"
	storageWire  = "network to storage spoiled"
	diskFull     = "disk full"
)

// killAt kills the worker as it passes a point, and starts it again.
func killAt(kind string, sc scenario, point string, nth int, between func(l *lane)) fault {
	return fault{
		kind: kind, what: at(point, nth), scenario: sc,
		arm: func(l *lane) { l.order(point, nth, syscall.SIGKILL) },
		strike: func(l *lane, _ *rand.Rand, job client.WorkflowRun) {
			l.struck(job, point, l.dead)
			if between != nil {
				between(l)
			}
			l.startWorker()
		},
	}
}

// freezeAt freezes the worker as it passes a point for longer than its
// heartbeats allow.
func freezeAt(sc scenario, point string, nth int) fault {
	return fault{
		kind: frozenAt, what: at(point, nth), scenario: sc,
		arm: func(l *lane) { l.order(point, nth, syscall.SIGSTOP) },
		strike: func(l *lane, _ *rand.Rand, job client.WorkflowRun) {
			l.struck(job, point, l.frozen)
			l.takeOver(job)
		},
	}
}

func at(point string, nth int) string {
	if nth == 1 {
		return point
	}
	return fmt.Sprintf("%s, time %d", point, nth)
}

// moment waits for a random moment of the scenario. The moment is what is
// tested.
func (l *lane) moment(r *rand.Rand, sc scenario) {
	time.Sleep(time.Duration(r.Int64N(int64(l.took[sc.name]))))
}

func (l *lane) restart() {
	l.kill()
	l.startWorker()
}

func randomly(kind, what string, sc scenario, do func(l *lane, r *rand.Rand, job client.WorkflowRun)) fault {
	return fault{kind: kind, what: what, scenario: sc, strike: func(l *lane, r *rand.Rand, job client.WorkflowRun) {
		l.moment(r, sc)
		do(l, r, job)
	}}
}

// outage is how long something is away: a moment, or longer than attempts and
// their retries last.
func outage(r *rand.Rand) { time.Sleep(time.Duration(r.Int64N(int64(3 * attemptLimit)))) }

// drawn are all faults for a lane's points, by kind, in random order.
func drawn(l *lane, seen passes, r *rand.Rand) map[string][]fault {
	d := &draw{lane: l, seen: seen, r: r, all: map[string][]fault{}}
	d.points()
	d.driftAndCrash()
	for range 24 {
		d.add(randomly(killedRandom, "SIGKILL", d.pick(scenarios), func(l *lane, _ *rand.Rand, _ client.WorkflowRun) { l.restart() }))
	}
	for range 8 {
		d.moments()
	}
	d.networks()
	for _, kind := range slices.Sorted(maps.Keys(d.all)) {
		faults := d.all[kind]
		slices.SortStableFunc(faults, func(a, b fault) int { return strings.Compare(a.String(), b.String()) })
		r.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	}
	return d.all
}

// draw collects faults.
type draw struct {
	lane *lane
	seen passes
	r    *rand.Rand
	all  map[string][]fault
}

func (d *draw) add(f fault) { d.all[f.kind] = append(d.all[f.kind], f) }

func (d *draw) pick(from []scenario) scenario { return from[d.r.IntN(len(from))] }

// aRun is a scenario that reads the source.
func (d *draw) aRun() scenario {
	return d.pick(slices.DeleteFunc(slices.Clone(scenarios), func(sc scenario) bool { return !sc.run }))
}

// points strikes at every point: at the steps of a commit in every scenario
// that passes them, elsewhere in one of them.
func (d *draw) points() {
	for _, point := range d.seen.points() {
		passing := d.seen.of(point)
		step := strings.HasPrefix(point, "commit: ")
		if step || strings.Contains(point, "Sink.") || strings.Contains(point, "Engine.") {
			d.add(freezeAt(d.pick(passing), point, 1))
		}
		if !step {
			passing = []scenario{d.pick(passing)}
		}
		for _, sc := range passing {
			d.add(killAt(killedAt, sc, point, 1, nil))
		}
	}
}

// driftAndCrash lets the data or the declaration change as the worker dies.
func (d *draw) driftAndCrash() {
	counts := d.seen[newField.name]
	points := slices.Sorted(maps.Keys(counts))
	for _, point := range points {
		d.add(killAt(driftKilled, newField, point, 1+d.r.IntN(min(2, counts[point])), nil))
	}
	for range 8 {
		d.add(killAt(schemaKilled, newField, points[d.r.IntN(len(points))], 1, func(l *lane) { l.changeSchema(l.field()) }))
	}
}

// moments strikes everything once, at random moments.
func (d *draw) moments() {
	sc := d.pick(scenarios)
	d.add(randomly(killedTwice, "SIGKILL", sc, func(l *lane, r *rand.Rand, _ client.WorkflowRun) {
		l.restart()
		l.moment(r, sc)
		l.restart()
	}))
	d.add(randomly(frozenRandom, "SIGSTOP", d.pick(scenarios), func(l *lane, _ *rand.Rand, job client.WorkflowRun) {
		require.NoError(l.t, syscall.Kill(-l.worker.PID(), syscall.SIGSTOP))
		l.takeOver(job)
	}))
	d.add(randomly(temporalDied, "SIGKILL", d.pick(scenarios), func(l *lane, r *rand.Rand, _ client.WorkflowRun) {
		require.NoError(l.t, l.temporal.Kill())
		outage(r)
		require.NoError(l.t, l.temporal.Restart(l.t.Context()))
	}))
	d.add(randomly(brokerDied, "SIGKILL", d.aRun(), func(l *lane, r *rand.Rand, _ client.WorkflowRun) {
		l.broker.Kill(l.t)
		outage(r)
		l.broker.Restart(l.t)
	}))
	if d.lane.small {
		d.add(filled(d.aRun(), d.r.Int64N(48<<10)))
	}
}

// networks spoils each wire in every way.
func (d *draw) networks() {
	for _, how := range slices.Sorted(maps.Keys(spoils)) {
		for range 3 {
			if d.lane.kafka != nil {
				d.add(spoiled(kafkaWire, how, d.aRun()))
			}
			if d.lane.storage != nil {
				d.add(spoiled(storageWire, how, d.aRun()))
			}
		}
	}
}

func spoiled(kind, how string, sc scenario) fault {
	return randomly(kind, how, sc, func(l *lane, r *rand.Rand, _ client.WorkflowRun) {
		w := l.kafka
		if kind == storageWire {
			w = l.storage
		}
		mend := w.spoil(l.t, how)
		outage(r)
		mend()
	})
}

// filled fills the disk, lets the worker run into it, and frees it again.
func filled(sc scenario, left int64) fault {
	var mark int64
	var free func()
	return fault{
		kind: diskFull, what: fmt.Sprintf("%d bytes left", left), scenario: sc,
		arm: func(l *lane) { mark, free = l.logEnd(), l.fill(left) },
		strike: func(l *lane, r *rand.Rand, job client.WorkflowRun) {
			require.Eventually(l.t, func() bool { return l.logged(mark, "no space left") || l.logged(mark, "disk is full") }, limit, 20*time.Millisecond)
			outage(r)
			free()
		},
	}
}

// some takes n faults, from every kind in turn; 0 takes all.
func some(all map[string][]fault, n int) []fault {
	var out []fault
	for i, more := 0, true; more; i++ {
		more = false
		for _, kind := range slices.Sorted(maps.Keys(all)) {
			if i < len(all[kind]) && (n == 0 || len(out) < n) {
				out, more = append(out, all[kind][i]), true
			}
		}
	}
	return out
}
