package config

import (
	"errors"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Trigger says who may start runs beside schedule and people.
type Trigger struct {
	Secret  string   // TRIGGER_SECRET signs calls of the webhook; empty: they take a token
	Topic   string   // TRIGGER_TOPIC, of notifications; empty: none is followed
	Group   string   // TRIGGER_GROUP, default "adp-triggers"
	Brokers []string // KAFKA_BROKER
}

// minSecret is the length, in bytes, below which a secret could be guessed.
const minSecret = 16

func triggerFrom(env func(string) string) Trigger {
	t := Trigger{Secret: env("TRIGGER_SECRET"), Topic: env("TRIGGER_TOPIC"), Group: env("TRIGGER_GROUP")}
	if t.Group == "" {
		t.Group = "adp-triggers"
	}
	for b := range strings.SplitSeq(env("KAFKA_BROKER"), ",") {
		if b = strings.TrimSpace(b); b != "" {
			t.Brokers = append(t.Brokers, b)
		}
	}
	return t
}

func (t Trigger) validate() error {
	var errs []error
	if t.Secret != "" && len(t.Secret) < minSecret {
		errs = append(errs, pipeline.Misconfiguredf("TRIGGER_SECRET", "the webhook's secret has %d bytes; take at least %d: openssl rand -hex 32", len(t.Secret), minSecret))
	}
	if t.Topic != "" && len(t.Brokers) == 0 {
		errs = append(errs, pipeline.Misconfiguredf("KAFKA_BROKER", "follow topic %q for notifications: no broker is set", t.Topic))
	}
	return errors.Join(errs...)
}
