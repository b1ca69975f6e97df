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
	runs := slices.DeleteFunc(slices.Clone(scenarios), func(sc scenario) bool { return !sc.run })
	pick := func(from []scenario) scenario { return from[r.IntN(len(from))] }
	all := map[string][]fault{}
	add := func(f fault) { all[f.kind] = append(all[f.kind], f) }
	for _, point := range seen.points() {
		sc := pick(seen.of(point))
		add(killAt(killedAt, sc, point, 1, nil))
		if strings.HasPrefix(point, "commit: ") {
			for _, sc := range seen.of(point) {
				add(killAt(killedAt, sc, point, 1, nil))
			}
		}
		if strings.HasPrefix(point, "commit: ") || strings.Contains(point, "Sink.") || strings.Contains(point, "Engine.") {
			add(freezeAt(pick(seen.of(point)), point, 1))
		}
	}
	for point, n := range seen[newField.name] {
		add(killAt(driftKilled, newField, point, 1+r.IntN(min(2, n)), nil))
	}
	for range 8 {
		points := slices.Sorted(maps.Keys(seen[newField.name]))
		add(killAt(schemaKilled, newField, points[r.IntN(len(points))], 1, func(l *lane) { l.changeSchema(l.field()) }))
	}
	for range 24 {
		add(randomly(killedRandom, "SIGKILL", pick(scenarios), func(l *lane, _ *rand.Rand, _ client.WorkflowRun) { l.restart() }))
	}
	for range 8 {
		sc := pick(scenarios)
		add(randomly(killedTwice, "SIGKILL", sc, func(l *lane, r *rand.Rand, _ client.WorkflowRun) {
			l.restart()
			l.moment(r, sc)
			l.restart()
		}))
		add(randomly(frozenRandom, "SIGSTOP", pick(scenarios), func(l *lane, _ *rand.Rand, job client.WorkflowRun) {
			require.NoError(l.t, syscall.Kill(-l.worker.PID(), syscall.SIGSTOP))
			l.takeOver(job)
		}))
		add(randomly(temporalDied, "SIGKILL", pick(scenarios), func(l *lane, r *rand.Rand, _ client.WorkflowRun) {
			require.NoError(l.t, l.temporal.Kill())
			outage(r)
			require.NoError(l.t, l.temporal.Restart(l.t.Context()))
		}))
		add(randomly(brokerDied, "SIGKILL", pick(runs), func(l *lane, r *rand.Rand, _ client.WorkflowRun) {
			l.broker.Kill(l.t)
			outage(r)
			l.broker.Restart(l.t)
		}))
		if l.small {
			add(filled(pick(runs), r.Int64N(48<<10)))
		}
	}
	for _, how := range slices.Sorted(maps.Keys(spoils)) {
		for range 3 {
			for kind, w := range map[string]*wire{kafkaWire: l.kafka, storageWire: l.storage} {
				if w != nil {
					add(spoiled(kind, how, pick(runs)))
				}
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		faults := all[kind]
		slices.SortStableFunc(faults, func(a, b fault) int { return strings.Compare(a.String(), b.String()) })
		r.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	}
	return all
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
