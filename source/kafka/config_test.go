package kafka_test

import (
	"strings"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source/kafka"
)

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*kafka.Config)
		want   []string // parts of the error; none if it is valid
	}{
		"the defaults with a broker are enough":  {func(*kafka.Config) {}, nil},
		"a host alone means Kafka's port":        {func(c *kafka.Config) { c.Brokers = []string{"kafka"} }, nil},
		"IPv6 and blanks around are fine":        {func(c *kafka.Config) { c.Brokers = []string{" [::1]:9092", "b:1 "} }, nil},
		"no broker":                              {func(c *kafka.Config) { c.Brokers = nil }, []string{"KAFKA_BROKER"}},
		"a URL is no broker":                     {func(c *kafka.Config) { c.Brokers = []string{"kafka://a:9092"} }, []string{"kafka://a:9092", "source.brokers"}},
		"a port is a number":                     {func(c *kafka.Config) { c.Brokers = []string{"a:x", "b:0", ":9092", ""} }, []string{`"a:x"`, `"b:0"`, `":9092"`, `""`}},
		"a topic name has legal letters":         {func(c *kafka.Config) { c.Topic = "a b" }, []string{"KAFKA_TOPIC"}},
		"a topic name has at most 249":           {func(c *kafka.Config) { c.Topic = strings.Repeat("a", 250) }, []string{"KAFKA_TOPIC"}},
		"two dots are no topic":                  {func(c *kafka.Config) { c.Topic = ".." }, []string{"KAFKA_TOPIC"}},
		"start is earliest or latest":            {func(c *kafka.Config) { c.Start = "newest" }, []string{"source.start", "newest"}},
		"isolation is one of two":                {func(c *kafka.Config) { c.Isolation = "" }, []string{"source.isolation"}},
		"a fetch has a size":                     {func(c *kafka.Config) { c.FetchBytes = 0 }, []string{"source.fetch_bytes"}},
		"limits are positive":                    {func(c *kafka.Config) { c.DialTimeout, c.RequestTimeout, c.StallTimeout = 0, -1, 0 }, []string{"dial_timeout", "request_timeout", "stall_timeout"}},
		"certificates without TLS are a mistake": {func(c *kafka.Config) { c.TLS.CAFile = "ca.pem" }, []string{"source.tls.enabled"}},
		"certificate and key go together":        {func(c *kafka.Config) { c.TLS = kafka.TLS{Enabled: true, CertFile: "c.pem"} }, []string{"key_file"}},
		"a login needs all three":                {func(c *kafka.Config) { c.SASL.Username = "u" }, []string{"mechanism", "password_file"}},
		"all problems are reported at once":      {func(c *kafka.Config) { c.Brokers, c.Start, c.FetchBytes = nil, "", -1 }, []string{"source.brokers", "source.start", "source.fetch_bytes"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := kafka.DefaultConfig()
			c.Brokers = []string{"127.0.0.1:9092"}
			tc.change(&c)
			err := c.Validate()
			if (err != nil) != (len(tc.want) > 0) {
				t.Fatalf("Validate = %v", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is missing from %q", part, err)
				}
			}
			if err != nil && pipeline.KindOf(err) != pipeline.Misconfigured {
				t.Errorf("kind %s", pipeline.KindOf(err))
			}
			if _, newErr := kafka.New(c); (newErr != nil) != (err != nil) {
				t.Errorf("New = %v, Validate = %v", newErr, err)
			}
		})
	}
}

func TestGroupFor(t *testing.T) {
	if got := kafka.DefaultConfig().GroupFor("customers"); got != "adp-customers" {
		t.Errorf("default group %q", got)
	}
	if got := (kafka.Config{Group: "mine"}).GroupFor("customers"); got != "mine" {
		t.Errorf("group %q", got)
	}
}

func TestFilesThatSettingsNameMustBeThere(t *testing.T) {
	tests := map[string]struct {
		change func(*kafka.Config)
		want   string
	}{
		"authorities": {func(c *kafka.Config) { c.TLS = kafka.TLS{Enabled: true, CAFile: "no-such.pem"} }, "source.tls.ca_file"},
		"no PEM":      {func(c *kafka.Config) { c.TLS = kafka.TLS{Enabled: true, CAFile: "config.go"} }, "source.tls.ca_file"},
		"certificate": {func(c *kafka.Config) {
			c.TLS = kafka.TLS{Enabled: true, CertFile: "no-such.pem", KeyFile: "no-such.pem"}
		}, "source.tls"},
		"password": {func(c *kafka.Config) {
			c.SASL = kafka.SASL{Mechanism: "plain", Username: "u", PasswordFile: "no-such"}
		}, "source.sasl.password_file"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := kafka.DefaultConfig()
			c.Brokers = []string{"127.0.0.1:1"}
			c.DialTimeout = time.Second
			tc.change(&c)
			s, err := kafka.New(c)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Bounds(t.Context(), "t")
			if pipeline.KindOf(err) != pipeline.Misconfigured || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v of kind %s, want %s named", err, pipeline.KindOf(err), tc.want)
			}
		})
	}
}
