package sourcetest_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
	"github.com/autonomous-data-pipeline/adp/source/sourcetest"
)

// memory is the smallest source there is: what a driver must do, without the
// driving.
type memory struct {
	mu     sync.Mutex
	topics map[string][][]entry // by partition
	groups map[string]pipeline.Checkpoint
}

type entry struct {
	source.Record
	gone bool // retention took it
}

func (m *memory) Close() error { return nil }

func (m *memory) Publish(_ context.Context, group, _ string, cp pipeline.Checkpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groups[group] = maps.Clone(cp)
	return nil
}

func (m *memory) partition(topic string, p int32) ([]entry, error) {
	partitions, ok := m.topics[topic]
	if !ok || int(p) >= len(partitions) {
		return nil, pipeline.Misconfiguredf("source.topic", "read topic %q partition %d: there is none", topic, p)
	}
	return partitions[p], nil
}

func (m *memory) Bounds(_ context.Context, topic string) (map[int32]source.Bounds, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.partition(topic, 0); err != nil {
		return nil, err
	}
	out := map[int32]source.Bounds{}
	for p, entries := range m.topics[topic] {
		b := source.Bounds{End: int64(len(entries))}
		for b.Start < b.End && entries[b.Start].gone {
			b.Start++
		}
		out[int32(p)] = b
	}
	return out, nil
}

// Read gives a record at a time, and looks again every millisecond when it has
// to wait.
func (m *memory) Read(ctx context.Context, topic string, r pipeline.Range, fn func([]source.Record) error) error {
	for next := r.Start; next < r.End; {
		m.mu.Lock()
		entries, err := m.partition(topic, r.Partition)
		m.mu.Unlock()
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case next >= int64(len(entries)):
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
			continue
		case entries[next].gone:
			return pipeline.Faultf(pipeline.BadData, "read topic %q from offset %d: it is gone", topic, next)
		}
		if err := fn([]source.Record{entries[next].Record}); err != nil {
			return err
		}
		next++
	}
	return nil
}

// A plug-in's test: it says how to write to the source, and runs the suite.
func TestTheSuiteOnASourceInMemory(t *testing.T) {
	m := &memory{topics: map[string][][]entry{}, groups: map[string]pipeline.Checkpoint{}}
	sourcetest.Run(t, sourcetest.Harness{
		Source: m,
		NewTopic: func(_ *testing.T, partitions int32) string {
			m.mu.Lock()
			defer m.mu.Unlock()
			name := fmt.Sprint("topic-", len(m.topics))
			m.topics[name] = make([][]entry, partitions)
			return name
		},
		Append: func(_ *testing.T, topic string, p int32, events []sourcetest.Event) {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, e := range events {
				at := int64(len(m.topics[topic][p]))
				m.topics[topic][p] = append(m.topics[topic][p], entry{Record: source.Record{
					Partition: p, Offset: at, TimestampMs: e.TimestampMs, Key: e.Key, Value: e.Value,
				}})
			}
		},
		DeleteBefore: func(_ *testing.T, topic string, p int32, offset int64) {
			m.mu.Lock()
			defer m.mu.Unlock()
			for i := range offset {
				m.topics[topic][p][i].gone = true
			}
		},
		Committed: func(_ *testing.T, group, _ string) pipeline.Checkpoint {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.groups[group]
		},
	})
}
