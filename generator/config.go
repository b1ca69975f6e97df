// Package generator makes events, as schemas/customers.avsc and
// schemas/orders.avsc declare them, with as many anomalies as asked for. The same configuration gives the
// same bytes on every machine; the clock is an argument. It knows nothing of
// how a pipeline finds what it hid.
package generator

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Countries are those of the events, each in one tenth of them.
var Countries = []string{"US", "GB", "DE", "FR", "IN", "BR", "JP", "CA", "AU", "ES"}

// Config describes events. Of n events, a share s hits exactly round(s*n). No
// event has two anomalies, BadCountry aside: it may hit events that have
// another one, too. Shares are between 0 and 1.
type Config struct {
	Dataset string // name of the schema: customer (default) or order
	Seed    uint64
	Count   int64
	Start   time.Time // the first event's Kafka timestamp; Kafka refuses what is more than an hour ahead of its own clock
	Rate    float64   // events a second, by their timestamps; 0 means 1000

	AdditiveShare float64 // with a field that the schema lacks: text, and null at times
	AdditiveField string  // default loyalty_tier, of orders sales_channel

	TypeShare    float64 // with a number as text: age, of orders amount
	MissingShare float64 // without a required field: email, of orders currency

	LateShare float64       // event time LateMin to LateMax before the Kafka timestamp
	LateMin   time.Duration // default 1h
	LateMax   time.Duration // default 6h

	BadShare        float64 // break one rule: an invalid email, plan, age or spend; of orders status, currency, amount or code
	BadCountry      string  // one of Countries: this many of its events are bad
	BadCountryShare float64 // of that country's events

	MalformedShare float64 // cut off, garbage, not UTF-8, or followed by more bytes

	DuplicateShare float64 // another event of the run again, but for its times
}

func (c Config) withDefaults() Config {
	if c.Rate == 0 {
		c.Rate = 1000
	}
	if c.Dataset == "" {
		c.Dataset = customers.name
	}
	if c.AdditiveField == "" {
		c.AdditiveField = NewField(c.Dataset)
	}
	if c.LateMin == 0 && c.LateMax == 0 {
		c.LateMin, c.LateMax = time.Hour, 6*time.Hour
	}
	return c
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(wrong bool, setting, format string, args ...any) {
		if wrong {
			errs = append(errs, pipeline.Misconfiguredf("generator."+setting, format, args...))
		}
	}
	bad(c.Count < 0, "count", "generate %d events: the number is negative", c.Count)
	bad(c.Start.IsZero(), "start", "date the events: the first one's time is missing")
	bad(!(c.Rate > 0) || math.IsInf(c.Rate, 0), "rate", "date %v events a second: the rate must be positive", c.Rate)
	bad(c.LateMin <= 0 || c.LateMax < c.LateMin, "late_min", "make events late by %s to %s: the range must be positive", c.LateMin, c.LateMax)
	made, known := datasetFor(c.Dataset)
	bad(!known, "dataset", "generate events of schema %q: the generator doesn't know it", c.Dataset)
	bad(known && (strings.ContainsAny(c.AdditiveField, "\"\\") || slices.Contains(made.fields, c.AdditiveField)), "additive_field",
		"add field %q: the schema has it, or it needs escapes", c.AdditiveField)
	sum := exact(c.DuplicateShare, c.Count) // the events that duplicates repeat have no anomaly
	for k, share := range c.shares() {
		bad(!(share >= 0 && share <= 1), kinds[k]+"_share", "give %v of the events the anomaly: a share is between 0 and 1", share)
		sum += exact(share, c.Count)
	}
	bad(!(c.BadCountryShare >= 0 && c.BadCountryShare <= 1), "bad_country_share", "spoil %v of a country's events: a share is between 0 and 1", c.BadCountryShare)
	bad(c.BadCountryShare > 0 && !slices.Contains(Countries, c.BadCountry), "bad_country", "spoil the events of country %q: it is one of %v", c.BadCountry, Countries)
	bad(sum > c.Count, "count", "give %d events an anomaly, those that duplicates repeat included: there are %d", sum, c.Count)
	return errors.Join(errs...)
}

// kind is an anomaly that an event has at most one of.
type kind int

const (
	additive kind = iota
	retyped
	missing
	late
	badValue
	malformed
	duplicate
	plain // no anomaly; last
)

// kinds name the settings of shares.
var kinds = [plain]string{"additive", "type", "missing", "late", "bad", "malformed", "duplicate"}

func (c Config) shares() [plain]float64 {
	return [plain]float64{c.AdditiveShare, c.TypeShare, c.MissingShare, c.LateShare, c.BadShare, c.MalformedShare, c.DuplicateShare}
}

// exact is the number of events that a share of n hits.
func exact(share float64, n int64) int64 { return int64(math.Round(share * float64(n))) }
