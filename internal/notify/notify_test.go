package notify_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/console/trigger"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/internal/notify"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// flaky is a Temporal service that may be down.
type flaky struct {
	console.Temporal
	down  atomic.Bool
	asked atomic.Int64
}

func (f *flaky) Start(ctx context.Context, id string, workflow, input any) (console.Started, error) {
	f.asked.Add(1)
	if f.down.Load() {
		return console.Started{}, pipeline.Faultf(pipeline.Transient, "Temporal is down")
	}
	return f.Temporal.Start(ctx, id, workflow, input)
}

// stage is a topic, a desk, and what is logged.
type stage struct {
	consoletest.Desk
	broker string
	flaky  *flaky
	mu     sync.Mutex
	log    bytes.Buffer
}

func (s *stage) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *stage) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func newStage(t *testing.T, broker string) *stage {
	d := consoletest.New(t)
	s := &stage{Desk: d, broker: broker, flaky: &flaky{Temporal: d.Temporal}}
	d.Desk.Temporal = s.flaky
	return s
}

func embedded(t *testing.T) *stage {
	b := fakekafka.ForTest(t)
	require.NoError(t, b.CreateTopic("news", 3))
	return newStage(t, b.Address())
}

func (s *stage) send(t *testing.T, values ...string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.broker), kgo.DefaultProduceTopic("news"))
	require.NoError(t, err)
	defer cl.Close()
	for _, v := range values {
		require.NoError(t, cl.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr())
	}
}

// follow follows the topic until the function that it gives is called.
func (s *stage) follow(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	f := notify.New(s.Desk.Desk, notify.Config{
		Brokers: []string{s.broker}, Topic: "news", Group: "adp-triggers", Retry: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(s, nil)),
	})
	go func() { done <- f.Run(ctx) }()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); require.NoError(t, <-done) }) }
	t.Cleanup(stop)
	return stop
}

func (s *stage) started() map[string]console.Started {
	ids, _ := s.Temporal.Started()
	return ids
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, time.Minute, 5*time.Millisecond, what)
}

func TestEachNotificationStartsARun(t *testing.T) {
	s := embedded(t)
	s.send(t, `{"pipeline":"customers","id":"7"}`, `{"specversion":"1.0","source":"/shop","subject":"orders","id":"7"}`, `{"pipeline":"customers"}`)
	s.follow(t)
	until(t, "three runs", func() bool { return len(s.started()) == 3 })
	require.Contains(t, s.started(), "run/customers/topic/7")
	require.Equal(t, trigger.Key("/shop|7"), keyOf(s, "run/orders/topic/"))
	require.Regexp(t, `^\d/\d$`, keyOf(s, "run/customers/topic/news/"), "without an ID its place is the key")
}

// keyOf is the key of the run whose workflow's ID begins so.
func keyOf(s *stage, begin string) string {
	for id := range s.started() {
		if rest, ok := strings.CutPrefix(id, begin); ok {
			return rest
		}
	}
	return ""
}

func TestWhatCannotBeReadIsLoggedAndPassedOver(t *testing.T) {
	s := embedded(t)
	s.send(t, "", "\xff\xfe", `{"id":"no pipeline"}`, `{"pipeline":"nobody","id":"1"}`, `{"pipeline":"customers","id":{}}`,
		`{"pipeline":"`+strings.Repeat("x", 5000)+`","id":"2"}`, strings.Repeat(" ", 300<<10), `{"pipeline":"customers","id":"last"}`)
	s.follow(t)
	until(t, "all are passed over", func() bool { return strings.Count(s.logged(), "pass over a notification") == 7 })
	until(t, "the good one", func() bool { return len(s.started()) == 1 })
	require.Contains(t, s.logged(), "offset=")
	require.NotContains(t, s.logged(), strings.Repeat("x", 300), "what came is not repeated at length")
}

func TestTemporalThatIsDownIsWaitedFor(t *testing.T) {
	s := embedded(t)
	s.flaky.down.Store(true)
	s.send(t, `{"pipeline":"customers","id":"7"}`)
	stop := s.follow(t)
	until(t, "it tries again", func() bool { return s.flaky.asked.Load() >= 3 })
	stop()
	require.Empty(t, s.started())
	s.follow(t) // nothing was committed
	asked := s.flaky.asked.Load()
	until(t, "the next one tries, too", func() bool { return s.flaky.asked.Load() > asked })
	s.flaky.down.Store(false)
	until(t, "it is started", func() bool { return len(s.started()) == 1 })
}

func TestEachKeyStartsOnceThoughFollowersEnd(t *testing.T) { eachKeyOnce(t, embedded(t)) }

// eachKeyOnce sends 100 notifications, and 30 of them again, and ends the
// follower in their midst.
func eachKeyOnce(t *testing.T, s *stage) {
	want := map[string]bool{}
	var values []string
	for i := range 100 {
		want[fmt.Sprintf("run/customers/topic/n-%d", i)] = true
		values = append(values, fmt.Sprintf(`{"pipeline":"customers","id":"n-%d"}`, i))
	}
	s.send(t, append(values, values[20:50]...)...)
	stop := s.follow(t)
	until(t, "some are started", func() bool { return len(s.started()) >= 30 })
	stop()
	s.follow(t)
	until(t, "all are started", func() bool { return len(s.started()) == len(want) })
	s.send(t, `{"pipeline":"orders","id":"last"}`)
	until(t, "the last one", func() bool { return s.started()["run/orders/topic/last"].RunID != "" })
	require.Len(t, s.started(), len(want)+1)
	for id := range want {
		require.Contains(t, s.started(), id)
	}
}
