package console

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// maxEntries bounds what one look into a decision log gives, the newest last.
const maxEntries = 200

// LogAbout gives the entries of a pipeline's decision log that are about one of
// these decisions, incidents, runs or batches, oldest first, the newest 200. A
// pipeline that hasn't decided yet has none.
func (d *Desk) LogAbout(name string, ids ...string) ([]agent.Entry, error) {
	if err := d.Declared(name); err != nil {
		return nil, err
	}
	f, err := os.Open(d.logFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, pipeline.Misconfiguredf("DATA_DIR", "read the decision log of %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read
	var out []agent.Entry
	for e, err := range agent.Entries(f) {
		if err != nil {
			return out, err
		}
		if !slices.ContainsFunc(e.About(), func(id string) bool { return id != "" && slices.Contains(ids, id) }) {
			continue
		}
		if out = append(out, e); len(out) > maxEntries {
			out = out[1:]
		}
	}
	return out, nil
}
