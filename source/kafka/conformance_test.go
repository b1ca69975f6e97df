package kafka_test

import (
	"testing"

	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/source/sourcetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	c := &cluster{address: fakekafka.ForTest(t).Address()}
	sourcetest.Run(t, c.harness(t))
}
