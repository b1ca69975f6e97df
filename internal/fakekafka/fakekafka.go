// Package fakekafka is a Kafka broker inside the process: it speaks the
// protocol, and serves the demo and the tests. It is one node on loopback,
// without replication; it is not meant to keep data that matters.
package fakekafka

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Config says where the broker listens and what it keeps.
type Config struct {
	Port int    // on 127.0.0.1; 0 picks a free one
	Dir  string // keeps data over restarts and kills of the process; empty keeps it in memory
	// Advertise is the host:port that clients are told to use, such as a
	// proxy's; empty is where the broker listens.
	Advertise string
}

// Broker is a running broker.
type Broker struct {
	// Cluster lets tests move leaders, inject faults, compact and delete.
	Cluster *kfake.Cluster
	address string
}

// Start listens and takes up what Dir holds. Writes go to the operating
// system at once, so killing the process loses nothing, and a power cut may.
func Start(c Config) (*Broker, error) {
	opts := []kfake.Opt{
		kfake.Ports(c.Port),
		kfake.ClusterID("adp-embedded"),
		// The broker's clock isn't the events': old events must stay.
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1"}),
	}
	if c.Dir != "" {
		opts = append(opts, kfake.DataDir(c.Dir))
	}
	if c.Advertise != "" {
		opts = append(opts, kfake.ListenFn(func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			return advertised{l, c.Advertise}, err
		}))
	}
	cluster, err := kfake.NewCluster(opts...)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, pipeline.Misconfiguredf("KAFKA_BROKER",
			"start the embedded Kafka broker on 127.0.0.1:%d: the port is in use; stop what listens there, or set another port", c.Port)
	case err != nil:
		return nil, fmt.Errorf("start the embedded Kafka broker on 127.0.0.1:%d with its data in %q: %w", c.Port, c.Dir, err)
	}
	return &Broker{Cluster: cluster, address: cluster.ListenAddrs()[0]}, nil
}

// advertised is a listener under another address: the broker tells clients its
// listener's.
type advertised struct {
	net.Listener
	address string
}

func (a advertised) Addr() net.Addr { return addr(a.address) }

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

// Address is the broker's host:port, as clients are told.
func (b *Broker) Address() string { return b.address }

// Port is the port of Address, for a restart in the same place.
func (b *Broker) Port() int {
	_, port, _ := net.SplitHostPort(b.address) // the listener made it
	n, _ := strconv.Atoi(port)
	return n
}

// CreateTopic makes a topic, and accepts one that is there already with as
// many partitions.
func (b *Broker) CreateTopic(name string, partitions int32) error {
	if info := b.Cluster.TopicInfo(name); info != nil {
		if int32(len(b.Cluster.PartitionInfos(name))) != partitions {
			return pipeline.Misconfiguredf("KAFKA_TOPIC", "create topic %q with %d partitions: it has %d already", name, partitions, len(b.Cluster.PartitionInfos(name)))
		}
		return nil
	}
	if err := b.Cluster.CreateTopic(name, partitions, nil); err != nil {
		return fmt.Errorf("create topic %q with %d partitions: %w", name, partitions, err)
	}
	return nil
}

// Stop closes the listener and the connections, and writes out what Dir is to
// keep.
func (b *Broker) Stop() { b.Cluster.Close() }

// TB is the part of testing.TB that ForTest needs, so that the demo doesn't
// link package testing.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// ForTest starts a broker in memory on a free port for as long as the test
// lasts.
func ForTest(t TB) *Broker {
	t.Helper()
	b, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}
