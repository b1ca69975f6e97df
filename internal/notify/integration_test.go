//go:build integration

package notify_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/internal/realkafka"
)

func TestEachKeyStartsOnceOnARealBroker(t *testing.T) {
	b := realkafka.Start(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	require.NoError(t, err)
	defer cl.Close()
	_, err = kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, "news")
	require.NoError(t, err)
	eachKeyOnce(t, newStage(t, b.Address))
}
