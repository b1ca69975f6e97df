package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// The bounds of a profile.
const (
	maxUnknownFields = 1000
)

// fieldDrift counts the records in which one field left the schema.
type fieldDrift struct {
	Missing     int64            `json:"missing,omitempty"`
	Null        int64            `json:"null,omitempty"`
	TypeChanged int64            `json:"type_changed,omitempty"`
	Observed    schemas.Observed `json:"observed,omitempty"` // instead of the expected type
}

// profile is what one pass learned beside the staged records: numbers that
// add up over shards, however the batch was split.
type profile struct {
	Contract      string                     `json:"contract"` // see contract
	Shard         pipeline.Shard             `json:"shard"`
	Records       pipeline.Records           `json:"records"` // Read, Clean, Suspect, Malformed
	Bytes         int64                      `json:"bytes"`
	Late          int64                      `json:"late"`
	MaxLatenessUs int64                      `json:"max_lateness_us"` // 0 if none was late at all
	DuplicateKeys int64                      `json:"duplicate_keys"`  // records with a key twice
	Fields        []fieldDrift               `json:"fields"`          // by the schema's order
	Unknown       *bounded                   `json:"unknown"`
	Segments      map[string]*dq.Counts      `json:"-"`        // by column: records a value
	Counts        map[string]json.RawMessage `json:"segments"` // Segments, as they are written
	Quality       json.RawMessage            `json:"quality"`  // package dq's own profile
}

// contract identifies what a profile was made under: profiles of different
// schemas or rules don't add up.
func contract(s *schemas.Schema, r Rules) (string, error) {
	b, err := json.Marshal([]any{s.Fingerprint(), r})
	if err != nil {
		return "", pipeline.Faultf(pipeline.Bug, "identify the rules of suite %s: %w", r.Suite.Name, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

// newProfile is an empty profile. Counts of segments that don't fit into memory
// lie in dir.
func newProfile(contract string, s *schemas.Schema, r Rules, dir string, memory int64) *profile {
	p := &profile{
		Contract: contract, Fields: make([]fieldDrift, len(s.Fields)),
		Unknown: newBounded(maxUnknownFields), Segments: map[string]*dq.Counts{},
	}
	for i, c := range r.Segments {
		p.Segments[c] = dq.NewCounts(dir, fmt.Sprintf("segment-%d", i), segmentMemory(memory))
	}
	return p
}

// observe counts one departure from the schema.
func (p *profile) observe(f rowFault) {
	d := &p.Fields[f.field]
	switch f.kind {
	case pipeline.FieldMissing:
		d.Missing++
	case pipeline.NullInRequired:
		d.Null++
	case pipeline.TypeChanged:
		d.TypeChanged++
		d.Observed |= f.observed
	}
}

// segmentMemory is what the counts of one segment column may hold, of what
// quality rules may: values of high cardinality aren't to push them out.
func segmentMemory(quality int64) int64 { return quality / 8 }

func (p *profile) trim() { p.Unknown.trim() }

// merge adds another shard's numbers; Quality is the caller's.
func (p *profile) merge(o *profile) error {
	p.Records.Read += o.Records.Read
	p.Records.Clean += o.Records.Clean
	p.Records.Suspect += o.Records.Suspect
	p.Records.Malformed += o.Records.Malformed
	p.Bytes += o.Bytes
	p.Late += o.Late
	p.MaxLatenessUs = max(p.MaxLatenessUs, o.MaxLatenessUs)
	p.DuplicateKeys += o.DuplicateKeys
	for i, f := range o.Fields {
		p.Fields[i].Missing += f.Missing
		p.Fields[i].Null += f.Null
		p.Fields[i].TypeChanged += f.TypeChanged
		p.Fields[i].Observed |= f.Observed
	}
	p.Unknown.merge(o.Unknown)
	for c, counts := range o.Segments {
		if err := p.Segments[c].Merge(counts); err != nil {
			return err
		}
	}
	return nil
}

// mergeProfiles adds up the shards' profiles.
func mergeProfiles(job EvaluateJob, prog *dq.Program) (*profile, *dq.Profile, error) {
	c, err := contract(job.Schema, job.Rules)
	if err != nil {
		return nil, nil, err
	}
	all, quality := newProfile(c, job.Schema, job.Rules, job.Dir, job.memory()), prog.NewProfile(dq.Gathering{})
	for _, r := range job.Results {
		p, err := readProfile(r.Profile, c, job)
		if err != nil {
			return nil, nil, err
		}
		q, err := prog.Decode(p.Quality, filepath.Dir(r.Profile))
		if err == nil {
			err = quality.Merge(q)
		}
		if err != nil {
			return nil, nil, pipeline.Faultf(pipeline.Bug, "merge the quality profile of %s: %w", r.Profile, err)
		}
		if err := all.merge(p); err != nil {
			return nil, nil, err
		}
	}
	all.trim()
	return all, quality, nil
}

func readProfile(path, contract string, job EvaluateJob) (*profile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, stagedFault(path, err)
	}
	p := newProfile("", job.Schema, job.Rules, filepath.Dir(path), job.memory())
	if err := json.Unmarshal(b, p); err != nil {
		return nil, stagedFault(path, err)
	}
	for c, raw := range p.Counts {
		if p.Segments[c] == nil {
			return nil, stagedFault(path, fmt.Errorf("it counts by %q, which is no segment column", c))
		}
		if err := json.Unmarshal(raw, p.Segments[c]); err != nil {
			return nil, stagedFault(path, err)
		}
	}
	if p.Contract != contract || len(p.Fields) != len(job.Schema.Fields) || len(p.Counts) != len(job.Rules.Segments) {
		return nil, stagedFault(path, fmt.Errorf("it was made under contract %s, this batch is evaluated under %s: the schema or the rules changed between the two; run the pipeline again", p.Contract, contract))
	}
	return p, nil
}
