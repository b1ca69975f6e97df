package kafka

import (
	"errors"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The settings that errors name.
const (
	settingBrokers   = "source.brokers / KAFKA_BROKER"
	settingTopic     = "source.topic / KAFKA_TOPIC"
	settingStart     = "source.start"
	settingIsolation = "source.isolation"
	settingGroup     = "source.group"
	settingFetch     = "source.fetch_bytes"
	settingDial      = "source.dial_timeout"
	settingRequest   = "source.request_timeout"
	settingStall     = "source.stall_timeout"
	settingTLS       = "source.tls"
	settingSASL      = "source.sasl"
)

// Where a pipeline begins that has loaded nothing yet.
const (
	Earliest = "earliest" // the oldest offset that retention has left
	Latest   = "latest"   // the topic's end, as it was at the first run: see Source.Anchor
)

// Which records a range has.
const (
	ReadCommitted   = "read_committed"   // those of committed transactions, and of no transaction
	ReadUncommitted = "read_uncommitted" // all
)

// Config says which topic of which cluster to read, and how.
type Config struct {
	Brokers   []string `yaml:"brokers"`   // host:port, any of the cluster's; KAFKA_BROKER overrides them
	Topic     string   `yaml:"topic"`     // KAFKA_TOPIC overrides it
	Start     string   `yaml:"start"`     // earliest (default) or latest
	Isolation string   `yaml:"isolation"` // read_committed (default) or read_uncommitted
	Group     string   `yaml:"group"`     // consumer group that lag tools watch; default adp-<pipeline>
	ClientID  string   `yaml:"client_id"` // how the broker's logs and quotas name us; default adp

	FetchBytes     int32         `yaml:"fetch_bytes"`     // compressed bytes that a read asks for at once; default 256 KiB
	DialTimeout    time.Duration `yaml:"dial_timeout"`    // until some broker must have answered; default 5s
	RequestTimeout time.Duration `yaml:"request_timeout"` // one request, beside the time that it may wait for data; default 10s
	StallTimeout   time.Duration `yaml:"stall_timeout"`   // a read that gets no further for this long ends; default 30s

	TLS  TLS  `yaml:"tls"`
	SASL SASL `yaml:"sasl"`
}

// DefaultConfig has everything but brokers and topic.
func DefaultConfig() Config {
	return Config{
		Start: Earliest, Isolation: ReadCommitted, ClientID: "adp",
		FetchBytes: 256 << 10, DialTimeout: 5 * time.Second, RequestTimeout: 10 * time.Second, StallTimeout: 30 * time.Second,
	}
}

// GroupFor is the consumer group of a pipeline.
func (c Config) GroupFor(name string) string {
	if c.Group != "" {
		return c.Group
	}
	return "adp-" + name
}

// legalTopic is Kafka's own rule.
var legalTopic = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// Validate reports every problem at once. The topic may be empty: each call
// names its own.
func (c Config) Validate() error {
	errs := append([]error{c.validateBrokers()}, c.TLS.validate(), c.SASL.validate())
	bad := func(wrong bool, setting, format string, args ...any) {
		if wrong {
			errs = append(errs, pipeline.Misconfiguredf(setting, format, args...))
		}
	}
	bad(c.Topic != "" && !legalTopic.MatchString(c.Topic) || c.Topic == "." || c.Topic == "..", settingTopic,
		"read topic %q: a name has 1 to 249 letters, digits, '.', '_' and '-'", c.Topic)
	bad(!slices.Contains([]string{Earliest, Latest}, c.Start), settingStart,
		"start at %q: it is earliest or latest", c.Start)
	bad(!slices.Contains([]string{ReadCommitted, ReadUncommitted}, c.Isolation), settingIsolation,
		"read with isolation %q: it is read_committed or read_uncommitted", c.Isolation)
	bad(c.FetchBytes < 1024 || c.FetchBytes > 64<<20, settingFetch,
		"fetch %d bytes at once: from 1 KiB to 64 MiB are allowed", c.FetchBytes)
	bad(c.DialTimeout <= 0, settingDial, "wait %s for a broker: the limit must be positive", c.DialTimeout)
	bad(c.RequestTimeout <= 0, settingRequest, "wait %s for an answer: the limit must be positive", c.RequestTimeout)
	bad(c.StallTimeout <= 0, settingStall, "wait %s for progress: the limit must be positive", c.StallTimeout)
	return errors.Join(errs...)
}

func (c Config) validateBrokers() error {
	if len(c.Brokers) == 0 {
		return pipeline.Misconfiguredf(settingBrokers, "find Kafka: no broker is given; give host:port, several separated by commas")
	}
	var errs []error
	for _, b := range c.Brokers {
		if !address(strings.TrimSpace(b)) {
			errs = append(errs, pipeline.Misconfiguredf(settingBrokers, "find Kafka at %q: a broker is host:port, without a scheme", b))
		}
	}
	return errors.Join(errs...)
}

// address accepts host:port, and a host alone, for which Kafka's port 9092 is
// meant.
func address(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return s != "" && !strings.ContainsAny(s, ":/ ")
	}
	n, err := strconv.Atoi(port)
	return err == nil && n > 0 && n < 65536 && host != "" && !strings.ContainsAny(host, "/ ")
}
