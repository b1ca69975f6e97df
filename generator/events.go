package generator

import (
	"iter"
	"strconv"
	"time"
)

// Event is one Kafka record to be.
type Event struct {
	Key       []byte // the customer's id, in decimal
	Value     []byte // JSON, unless it is malformed; about 270 bytes
	Timestamp time.Time
}

// Events gives the events in the order of their timestamps. The configuration
// must be valid.
func (c Config) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		m := newMaker(c)
		for i := range m.Count {
			if !yield(m.event(i)) {
				return
			}
		}
	}
}

// The streams of random numbers are apart, so that an anomaly more changes
// nothing else.
const (
	streamKinds = iota
	streamCountries
	streamFields
	streamAnomaly
)

// maker makes any of the events, from its index alone.
type maker struct {
	Config
	dataset   *dataset
	kinds     permutation   // a rank below a kind's limit has the kind
	limits    [plain]int64  // cumulated
	countries permutation   // the rank's last digit is the country
	badRanks  int64         // of BadCountry's events, in the order of their ranks
	spacing   time.Duration // between timestamps
}

func newMaker(c Config) *maker {
	m := &maker{Config: c.withDefaults()}
	m.dataset, _ = datasetFor(m.Dataset)
	m.kinds = newPermutation(c.Seed, streamKinds, c.Count)
	m.countries = newPermutation(c.Seed, streamCountries, c.Count)
	m.spacing = time.Duration(float64(time.Second) / m.Rate)
	sum := int64(0)
	for k, share := range c.shares() {
		sum += exact(share, c.Count)
		m.limits[k] = sum
	}
	for i, country := range Countries {
		if country == c.BadCountry {
			n := int64(len(Countries))
			m.badRanks = exact(c.BadCountryShare, (c.Count-int64(i)+n-1)/n)
		}
	}
	return m
}

// kind is the event's anomaly, and its number among those that have it.
func (m *maker) kind(index int64) (kind, int64) {
	rank, from := m.kinds.rank(index), int64(0)
	for k, limit := range m.limits {
		if rank < limit {
			return kind(k), rank - from
		}
		from = limit
	}
	return plain, rank - from
}

func (m *maker) event(index int64) Event {
	k, number := m.kind(index)
	content := index
	if k == duplicate {
		content = m.kinds.index(m.Count - 1 - number) // the last ranks are plain
	}
	at := m.Start.Add(time.Duration(index) * m.spacing).Truncate(time.Millisecond)
	d := newDice(m.Seed, streamAnomaly, index)
	r := m.record(content)
	happened := at.Add(-time.Duration(d.below(int64(5 * time.Second))))
	if k == late {
		happened = at.Add(-m.LateMin - time.Duration(d.below(int64(m.LateMax-m.LateMin)+1)))
	}
	r.set(m.dataset.time, m.dataset.format(happened))
	r.apply(k, number, d, m.AdditiveField)
	value := r.json()
	if k == malformed {
		value = spoil(value, number, d)
	}
	return Event{Key: strconv.AppendInt(nil, r.key, 10), Value: value, Timestamp: at}
}

// spoil makes a value that can't be decoded; number says how.
func spoil(value []byte, number int64, d *dice) []byte {
	switch number % 4 {
	case 0: // cut off
		return value[:10+d.below(int64(len(value)-20))]
	case 1: // garbage, as of another serializer
		out := []byte{0xff}
		for range 60 + d.below(60) {
			out = append(out, byte(d.next()))
		}
		return out
	case 2: // Latin-1 where UTF-8 belongs
		value[len(`{"id":"`)] = 0xe9
		return value
	}
	return append(value, `}{"id":"`...) // one value in another's wake
}
