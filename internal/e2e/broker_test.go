//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/internal/devstack"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
)

// partitions of the topic.
const partitions = 4

// broker can be killed, and started again with what it has written.
type broker interface {
	Kill(t testing.TB)
	Restart(t testing.TB)
}

// embedded is the embedded broker in a process of its own: this program again.
type embedded struct {
	config  fakekafka.Config
	log     string
	process *devstack.Process
}

const envBroker = "ADP_E2E_BROKER" // fakekafka.Config as JSON: be a broker

// serveBroker is what that process does.
func serveBroker() int {
	var c fakekafka.Config
	err := json.Unmarshal([]byte(os.Getenv(envBroker)), &c)
	if err == nil {
		var b *fakekafka.Broker
		if b, err = fakekafka.Start(c); err == nil {
			err = b.CreateTopic(topic, partitions)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	select {} // until it is killed
}

func startEmbedded(t *testing.T, c fakekafka.Config) *embedded {
	t.Helper()
	b := &embedded{config: c, log: filepath.Join(t.TempDir(), "kafka.log")}
	b.Restart(t)
	t.Cleanup(func() { b.Kill(t) })
	return b
}

func (b *embedded) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, b.process.Kill())
}

// Restart starts the broker and waits until it answers.
func (b *embedded) Restart(t testing.TB) {
	t.Helper()
	c, err := json.Marshal(b.config)
	require.NoError(t, err)
	b.process, err = devstack.StartProcess(devstack.Spec{Name: "broker", Path: os.Args[0], Env: []string{envBroker + "=" + string(c)}, Log: b.log})
	require.NoError(t, err)
	cl, err := kgo.NewClient(kgo.SeedBrokers(fmt.Sprintf("127.0.0.1:%d", b.config.Port)))
	require.NoError(t, err)
	defer cl.Close()
	require.Eventually(t, func() bool {
		select {
		case <-b.process.Done():
			t.Fatal(b.process.Wait())
		default:
		}
		return cl.Ping(t.Context()) == nil
	}, limit, 20*time.Millisecond)
}
