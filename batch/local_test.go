package batch_test

import (
	"testing"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/batch/batchtest"
)

func TestConformance(t *testing.T) {
	batchtest.Run(t, func() batch.Engine { return batch.New(batch.Config{}) })
}

func TestConformanceWithSmallChunks(t *testing.T) {
	batchtest.Run(t, func() batch.Engine { return batch.New(batch.Config{ChunkRows: 61, Memory: 1 << 20}) })
}
