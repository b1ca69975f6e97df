package batch

import (
	"bytes"
	"context"
	"errors"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Sample is a record that was set aside, as it came, with the JSON of why.
type Sample struct {
	Raw     []byte
	Reasons []byte
}

var errEnough = errors.New("enough samples")

// Samples gives the first n records that the shards set aside. They hold what
// people wrote: whoever shows them must redact them.
func Samples(ctx context.Context, results []Result, n int) ([]Sample, error) {
	var out []Sample
	specs := []spec{rejectSpecs[rejReasons], rejectSpecs[rejRaw]}
	for _, r := range results {
		for _, f := range r.Files {
			if f.Kind == pipeline.CleanFile {
				continue
			}
			err := readStaged(ctx, f.Path, specs, func(cols []column) error {
				for row := range cols[0].rows() {
					if len(out) == n {
						return errEnough
					}
					out = append(out, Sample{Raw: bytes.Clone(cols[1].bytes(row)), Reasons: bytes.Clone(cols[0].bytes(row))})
				}
				return nil
			})
			if err != nil && !errors.Is(err, errEnough) {
				return nil, err
			}
		}
	}
	return out, nil
}
