package parquet

import (
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// holdings are a batch's files as of its last commit.
type holdings struct {
	load, last *record
	table      []dataFile
}

// holdings reads a batch's commits.
func (s *Sink) holdings(r ref) (holdings, error) {
	var h holdings
	for _, seq := range r.Commits {
		rec, err := s.log.must(seq)
		if err != nil {
			return holdings{}, err
		}
		if h.load == nil {
			h.load = rec
		}
		h.last = rec
		h.table = append(h.table, rec.Table...)
	}
	return h, nil
}

// find looks for the load of a batch. Offsets that the table doesn't have need
// no look, and the log needs reading only back to where the checkpoint stood
// when the batch could first have come in.
func (s *Sink) find(st *state, b pipeline.Batch) (ref, bool, error) {
	if len(pipeline.Subtract(b.Ranges, st.Covered)) > 0 {
		return ref{}, false, nil
	}
	if st.Last.BatchID == b.ID && !st.LastUndone {
		return st.Last, true, nil
	}
	if open, ok := st.entry(b.ID); ok {
		return open, true, nil
	}
	for seq := st.Sequence; seq > 0; seq-- {
		rec, err := s.log.must(seq)
		if err != nil {
			return ref{}, false, err
		}
		if rec.Batch.ID == b.ID {
			return ref{BatchID: b.ID, Commits: append(slices.Clone(rec.Commits), seq)}, rec.Kind != kindRollback, nil
		}
		if !beyond(rec.Base, b) {
			break
		}
	}
	return ref{}, false, nil
}

// beyond reports whether some offset of the batch lies below the checkpoint.
func beyond(cp pipeline.Checkpoint, b pipeline.Batch) bool {
	return slices.ContainsFunc(b.Ranges, func(r pipeline.Range) bool { return cp[r.Partition] > r.Start })
}

// findSettlement looks for a settlement of the same ID on the same batch. It
// returns the batch's commits and which of them it is, or 0.
func (s *Sink) findSettlement(st *state, want sink.Settlement) (ref, int64, error) {
	batch, ok := st.entry(want.BatchID)
	for seq := st.Sequence; !ok && seq > want.Revision && seq > 0; seq-- {
		rec, err := s.log.must(seq)
		if err != nil {
			return ref{}, 0, err
		}
		if rec.Batch.ID == want.BatchID {
			if rec.Kind == kindRollback {
				return ref{}, 0, nil
			}
			batch, ok = ref{BatchID: want.BatchID, Commits: append(slices.Clone(rec.Commits), seq)}, true
		}
	}
	if !ok {
		return ref{}, 0, nil
	}
	for _, seq := range batch.Commits[1:] {
		rec, err := s.log.must(seq)
		if err != nil {
			return ref{}, 0, err
		}
		if rec.Settlement == want.ID {
			return batch, seq, nil
		}
	}
	return batch, 0, nil
}

// repeat is the receipt of a commit that was made before, with its files where
// they are now.
func (s *Sink) repeat(r ref, commit int64) (*sink.Receipt, error) {
	rec, err := s.log.must(commit)
	if err != nil {
		return nil, err
	}
	last, err := s.log.must(r.revision())
	if err != nil {
		return nil, err
	}
	out := s.receiptOf(rec, last)
	out.Repeated = true
	return &out, nil
}

// receiptOf proves rec. The quarantine is the batch's after its last commit;
// held files count as quarantine: they are outside the table too.
func (s *Sink) receiptOf(rec, last *record) sink.Receipt {
	return sink.Receipt{
		RunID: rec.RunID, Sequence: rec.Sequence, BatchID: rec.Batch.ID, Checkpoint: rec.Checkpoint, Records: rec.Records,
		Table: s.all(s.table, rec.Table), Quarantine: s.all(s.quarantine, last.outside()),
	}
}

// all is how callers see files: with paths that they can open.
func (s *Sink) all(r root, files []dataFile) []pipeline.File {
	var out []pipeline.File
	for _, f := range files {
		out = append(out, s.at(r, f))
	}
	return out
}

func (s *Sink) at(r root, f dataFile) pipeline.File {
	f.File.Path = r.path(f.Path)
	return f.File
}

func inFolder(path, folder string) bool { return strings.HasPrefix(path, folder+"/") }
