package fakekafka_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func start(t *testing.T, c fakekafka.Config) *fakekafka.Broker {
	t.Helper()
	b, err := fakekafka.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write appends n records that were acknowledged, numbered from first on.
func write(t *testing.T, address string, first, n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC) // which retention must not take
	for i := range n {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Value: strconv.AppendInt(nil, int64(first+i), 10), Timestamp: old}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// wantRecords reads the topic and expects records 0 to n-1.
func wantRecords(t *testing.T, address string, n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i := 0; i < n; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", i, n, err)
		}
		for _, r := range fetches.Records() {
			if string(r.Value) != strconv.Itoa(i) {
				t.Fatalf("record %d is %q", i, r.Value)
			}
			i++
		}
	}
}

func TestDataOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	b := start(t, fakekafka.Config{Dir: dir})
	if err := b.CreateTopic("t", 1); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		write(t, b.Address(), round*10, 10)
		port := b.Port()
		b.Stop()
		b = start(t, fakekafka.Config{Dir: dir, Port: port})
		wantRecords(t, b.Address(), (round+1)*10)
	}
	b.Stop()
}

// The child is a broker of its own process, which is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FAKEKAFKA_CHILD_DIR"); dir != "" {
		child(dir)
	}
	os.Exit(m.Run())
}

func child(dir string) {
	b, err := fakekafka.Start(fakekafka.Config{Dir: dir})
	if err == nil {
		err = b.CreateTopic("t", 1)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(b.Address())
	select {} // until it is killed
}

func TestAcknowledgedDataOutlivesAKill(t *testing.T) {
	dir := t.TempDir()
	for round := range 2 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "FAKEKAFKA_CHILD_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said, err := bufio.NewReader(out).ReadString('\n')
		if address := strings.TrimSpace(said); err == nil {
			wantRecords(t, address, round*50)
			write(t, address, round*50, 50)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed: an error by design
		if err != nil {
			t.Fatalf("the child said %q: %v", said, err)
		}
	}
	b := start(t, fakekafka.Config{Dir: dir})
	defer b.Stop()
	wantRecords(t, b.Address(), 100)
}

func TestPortInUseNamesPortAndSetting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port
	b, err := fakekafka.Start(fakekafka.Config{Port: port})
	if err == nil {
		b.Stop()
		t.Fatal("it listens where something listens")
	}
	if pipeline.KindOf(err) != pipeline.Misconfigured || !strings.Contains(err.Error(), strconv.Itoa(port)) || !strings.Contains(err.Error(), "KAFKA_BROKER") {
		t.Errorf("error %v of kind %s", err, pipeline.KindOf(err))
	}
}

func TestFolderThatCannotBeWrittenIsNamed(t *testing.T) {
	_, err := fakekafka.Start(fakekafka.Config{Dir: os.Args[0] + "/data"})
	if err == nil || !strings.Contains(err.Error(), os.Args[0]) {
		t.Errorf("error %v, want the folder named", err)
	}
}

func TestCreateTopic(t *testing.T) {
	b := fakekafka.ForTest(t)
	for range 2 { // the second time it is there
		if err := b.CreateTopic("t", 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.CreateTopic("t", 4); pipeline.KindOf(err) != pipeline.Misconfigured || !strings.Contains(err.Error(), "KAFKA_TOPIC") {
		t.Errorf("another number of partitions: error %v", err)
	}
}

func TestStoppedBrokerFreesItsPort(t *testing.T) {
	b := start(t, fakekafka.Config{})
	b.Stop()
	start(t, fakekafka.Config{Port: b.Port()}).Stop()
}
