package config

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/activities"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Retention says for how long what is no longer needed is kept. 0 keeps it for
// ever. The table, the decision log, schema versions, held batches and open
// incidents aren't subject to it.
type Retention struct {
	Staging    Age `yaml:"staging"`    // what a crashed run left, beyond the longest time that a run may be silent; default 24h
	Quarantine Age `yaml:"quarantine"` // discarded records, since they were discarded; default 0
	Reports    Age `yaml:"reports"`    // a run's folder with its report and results; default 90d
	History    Age `yaml:"history"`    // runs, decisions and resolved incidents in the operations store; default 90d
}

// Maintenance says when maintenance starts by itself, and what upkeep a table
// gets that is made of snapshots (Iceberg).
type Maintenance struct {
	Schedule          `yaml:",inline"`
	ExpireAfter       Age   `yaml:"expire_after"`        // snapshots older than this go; default 7d, 0 keeps them
	KeepSnapshots     int   `yaml:"keep_snapshots"`      // so many of the newest stay; default 20
	CompactBelowBytes int64 `yaml:"compact_below_bytes"` // data files below this are put together; default 32 MiB, 0 leaves them
	TargetBytes       int64 `yaml:"target_bytes"`        // into files of about this size; default 256 MiB
}

// Validate reports every problem at once.
func (m Maintenance) Validate() error {
	errs := []error{m.validate("maintenance")}
	bad := func(wrong bool, key, format string, args ...any) {
		if wrong {
			errs = append(errs, pipeline.Misconfiguredf("maintenance."+key, format, args...))
		}
	}
	bad(m.ExpireAfter < 0, "expire_after", "%v is negative; 0 keeps all snapshots", m.ExpireAfter)
	bad(m.KeepSnapshots < 1, "keep_snapshots", "%d is below 1: the newest snapshot is the table", m.KeepSnapshots)
	bad(m.CompactBelowBytes < 0, "compact_below_bytes", "%d is negative; 0 leaves files as they are", m.CompactBelowBytes)
	bad(m.CompactBelowBytes > 0 && m.TargetBytes <= m.CompactBelowBytes, "target_bytes", "%d isn't above maintenance.compact_below_bytes, %d", m.TargetBytes, m.CompactBelowBytes)
	return errors.Join(errs...)
}

// upkeep is what the sink is asked for.
func (m Maintenance) upkeep() sink.MaintainOptions {
	return sink.MaintainOptions{
		ExpireAfter: time.Duration(m.ExpireAfter), KeepSnapshots: m.KeepSnapshots,
		CompactBelowBytes: m.CompactBelowBytes, TargetBytes: m.TargetBytes,
	}
}

// Age is a duration that may count days: "90d", "1d12h", "36h".
type Age time.Duration

const day = 24 * time.Hour

// maxDays is what a duration holds.
const maxDays = int64((1<<63 - 1) / day)

// ParseAge reads a duration with days. A bare 0 needs no unit.
func ParseAge(text string) (Age, error) {
	bad := pipeline.Faultf(pipeline.Misconfigured, "read the time span %q: want days and a duration, like 90d, 36h or 1d12h; 0 is for ever", text)
	number, rest, ok := strings.Cut(text, "d")
	if !ok {
		number, rest = "0", text
	}
	days, err := strconv.ParseUint(number, 10, 32)
	if err != nil || int64(days) >= maxDays {
		return 0, bad
	}
	var more time.Duration
	if rest != "" || !ok {
		if more, err = time.ParseDuration(rest); err != nil || (ok && more < 0) {
			return 0, bad
		}
	}
	total := time.Duration(days)*day + more
	if days > 0 && total < more {
		return 0, bad
	}
	return Age(total), nil
}

// UnmarshalYAML reads an age where the file has one.
func (a *Age) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseAge(n.Value)
	if err == nil {
		*a = v
	}
	return err
}

func (a Age) String() string {
	d := time.Duration(a)
	if d > 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// Validate reports every problem at once.
func (r Retention) Validate() error {
	var errs []error
	for _, s := range []struct {
		key string
		age Age
	}{{"staging", r.Staging}, {"quarantine", r.Quarantine}, {"reports", r.Reports}, {"history", r.History}} {
		if s.age < 0 {
			errs = append(errs, pipeline.Misconfiguredf("retention."+s.key, "%v is negative; 0 keeps it for ever", s.age))
		}
	}
	return errors.Join(errs...)
}

func (r Retention) wire() activities.Retention {
	return activities.Retention{
		Staging: time.Duration(r.Staging), Quarantine: time.Duration(r.Quarantine),
		Reports: time.Duration(r.Reports), History: time.Duration(r.History),
	}
}

// validate says what is wrong with a schedule; key is its name in the file.
func (s Schedule) validate(key string) error {
	if s.Every < 0 || (s.Every == 0 && s.Cron == "") {
		return pipeline.Misconfiguredf(key+".every", "%v is not above 0, and %s.cron is empty", s.Every, key)
	}
	return nil
}
