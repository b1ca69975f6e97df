package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source/kafka"
)

// each calls every method of a source that talks to the broker.
func each(t *testing.T, s *kafka.Source, topic string, check func(t *testing.T, err error)) {
	t.Helper()
	calls := map[string]func() error{
		"Bounds":  func() error { _, err := s.Bounds(t.Context(), topic); return err },
		"Read":    func() error { _, err := read(t, s, topic, pipeline.Range{End: 10}); return err },
		"Publish": func() error { return s.Publish(t.Context(), "g", topic, pipeline.Checkpoint{0: 1}) },
		"Anchor": func() error {
			_, err := s.Anchor(t.Context(), "g", topic, nil)
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) { check(t, call()) })
	}
}

func wantFault(t *testing.T, err error, kind pipeline.Kind, parts ...string) {
	t.Helper()
	if err == nil || pipeline.KindOf(err) != kind {
		t.Fatalf("error %v of kind %s, want kind %s", err, pipeline.KindOf(err), kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing from %q", part, err)
		}
	}
}

// latest makes Anchor ask the broker.
func latest(c *kafka.Config) { c.Start = kafka.Latest }

// impatient lets a read stall for a moment only.
func impatient(c *kafka.Config) { c.StallTimeout = time.Second }

// hasty gives up soon, whatever the trouble.
func hasty(c *kafka.Config) {
	latest(c)
	c.DialTimeout, c.RequestTimeout, c.StallTimeout = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
}

func TestNoBrokerIsTransientWithinTheLimit(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, address := range map[string]string{"nothing listens": closed.Addr().String(), "nothing answers": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			c := &cluster{address: address}
			each(t, c.source(t, hasty), "topic", func(t *testing.T, err error) {
				wantFault(t, err, pipeline.Transient, "source.brokers", "KAFKA_BROKER", address)
			})
			// Generous against a busy machine; it is 30 s and more without limits.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := c.source(t, hasty).Bounds(ctx, "topic"); errors.Is(err, context.DeadlineExceeded) {
				t.Error("the caller's limit ended the call, not the setting's")
			}
		})
	}
}

// private starts a broker with options of its own.
func private(t *testing.T, opts ...kfake.Opt) (*cluster, *kfake.Cluster) {
	t.Helper()
	k, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return &cluster{address: k.ListenAddrs()[0]}, k
}

func login(t *testing.T, mechanism, user, password string) func(*kafka.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *kafka.Config) {
		c.SASL = kafka.SASL{Mechanism: mechanism, Username: user, PasswordFile: file}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	c, k := private(t, kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "p", "secret"), kfake.Superuser("SCRAM-SHA-256", "s", "secret"), kfake.Superuser("SCRAM-SHA-512", "s", "secret"))
	if err := k.CreateTopic("topic", 1, nil); err != nil {
		t.Fatal(err)
	}
	for mechanism, user := range map[string]string{"plain": "p", "scram-sha-256": "s", "scram-sha-512": "s"} {
		t.Run("the right password with "+mechanism, func(t *testing.T) {
			if _, err := c.source(t, login(t, mechanism, user, "secret")).Bounds(t.Context(), "topic"); err != nil {
				t.Error(err)
			}
		})
		t.Run("a broker that hangs up on a wrong password with "+mechanism, func(t *testing.T) {
			_, err := c.source(t, hasty, login(t, mechanism, user, "wrong")).Bounds(t.Context(), "topic")
			wantFault(t, err, pipeline.Transient, "source.sasl")
		})
	}
}

func TestWrongPasswordIsMisconfigured(t *testing.T) {
	t.Parallel()
	c, k := private(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "p", "secret"))
	// The fake broker hangs up on a wrong password. Apache Kafka says why.
	k.ControlKey(int16(kmsg.SASLAuthenticate), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		resp := kreq.(*kmsg.SASLAuthenticateRequest).ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, kmsg.StringPtr("Authentication failed: Invalid username or password")
		return resp, nil, true
	})
	each(t, c.source(t, latest, login(t, "plain", "somebody", "wrong")), "topic", func(t *testing.T, err error) {
		wantFault(t, err, pipeline.Misconfigured, "source.sasl", "somebody")
	})
}

func TestMissingGrantIsMisconfigured(t *testing.T) {
	t.Parallel()
	describe := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "described", Operation: kmsg.ACLOperationDescribe, Allow: true}
	c, k := private(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "secret"), kfake.User("PLAIN", "nobody", "secret", describe))
	for _, topic := range []string{"described", "hidden"} {
		if err := k.CreateTopic(topic, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	c.write(t, "described", 0, events(10), kgo.SASL(plain.Auth{User: "root", Pass: "secret"}.AsMechanism()))
	nobody := c.source(t, latest, login(t, "plain", "nobody", "secret"))
	each(t, nobody, "hidden", func(t *testing.T, err error) {
		wantFault(t, err, pipeline.Misconfigured, "nobody")
	})
	_, err := read(t, nobody, "described", pipeline.Range{End: 10})
	wantFault(t, err, pipeline.Misconfigured, "source.sasl", "nobody", "READ")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server, ca := certificate(t)
	c, k := private(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server}}))
	if err := k.CreateTopic("topic", 1, nil); err != nil {
		t.Fatal(err)
	}
	t.Run("a certificate of a known authority is good", func(t *testing.T) {
		if _, err := c.source(t, func(c *kafka.Config) { c.TLS = kafka.TLS{Enabled: true, CAFile: ca} }).Bounds(t.Context(), "topic"); err != nil {
			t.Error(err)
		}
	})
	t.Run("one of an unknown authority is refused", func(t *testing.T) {
		each(t, c.source(t, latest, func(c *kafka.Config) { c.TLS.Enabled = true }), "topic", func(t *testing.T, err error) {
			wantFault(t, err, pipeline.Misconfigured, "source.tls")
		})
	})
	t.Run("a broker without encryption is not trusted", func(t *testing.T) {
		open, _ := private(t)
		_, err := open.source(t, hasty, func(c *kafka.Config) { c.TLS.Enabled = true }).Bounds(t.Context(), "topic")
		wantFault(t, err, pipeline.Transient, "source.tls")
	})
}

// certificate makes one for 127.0.0.1 that signs itself, and its PEM file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestGroupInUseIsMisconfigured(t *testing.T) {
	t.Parallel()
	c := &cluster{address: fakekafka.ForTest(t).Address()}
	topic := c.newTopic(t, 1)
	c.write(t, topic, 0, events(1))
	member := c.client(t, kgo.ConsumerGroup("busy"), kgo.ConsumeTopics(topic))
	defer member.Close()
	if got := member.PollFetches(t.Context()); got.NumRecords() != 1 { // it has joined
		t.Fatalf("the other consumer read %d records: %v", got.NumRecords(), got.Err())
	}
	err := c.source(t).Publish(t.Context(), "busy", topic, pipeline.Checkpoint{0: 1})
	wantFault(t, err, pipeline.Misconfigured, "source.group", "busy")
}

func TestTopicMadeAnewIsMisconfigured(t *testing.T) {
	t.Parallel()
	b := fakekafka.ForTest(t)
	c := &cluster{address: b.Address()}
	anew := func(t *testing.T, topic string) {
		t.Helper()
		c.admin(t, func(ctx context.Context, adm *kadm.Client) error {
			_, err := adm.DeleteTopic(ctx, topic)
			return err
		})
		if err := b.CreateTopic(topic, 1); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("before the read: offsets lie beyond the log", func(t *testing.T) {
		topic := c.newTopic(t, 1)
		c.write(t, topic, 0, events(10))
		anew(t, topic)
		_, err := read(t, c.source(t, impatient), topic, pipeline.Range{Start: 5, End: 10})
		wantFault(t, err, pipeline.Misconfigured, "KAFKA_TOPIC", "made anew")
	})
	t.Run("in the middle of the read: the same offsets are other records", func(t *testing.T) {
		topic := c.newTopic(t, 1)
		c.write(t, topic, 0, events(10))
		err := c.source(t).Read(t.Context(), topic, pipeline.Range{End: 20}, once(func() {
			anew(t, topic)
			c.write(t, topic, 0, events(30))
		}))
		wantFault(t, err, pipeline.Misconfigured, "KAFKA_TOPIC", "made anew")
	})
	t.Run("deleted in the middle of the read", func(t *testing.T) {
		topic := c.newTopic(t, 1)
		c.write(t, topic, 0, events(10))
		err := c.source(t).Read(t.Context(), topic, pipeline.Range{End: 20}, once(func() {
			if err := b.Cluster.DeleteTopic(topic); err != nil {
				t.Error(err)
			}
		}))
		wantFault(t, err, pipeline.Misconfigured, "KAFKA_TOPIC")
	})
}
