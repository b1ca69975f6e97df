package batch

import (
	"errors"
	"fmt"
)

// Config bounds the engine. A zero value means the default.
type Config struct {
	ChunkRows      int   `yaml:"chunk_rows"`       // rows decoded before they are checked and written, default 8192
	ShardRecords   int64 `yaml:"shard_records"`    // offsets a shard at most, default 250,000; the planner reads it
	Memory         int64 `yaml:"memory"`           // bytes that one shard's open files and chunk may hold, default 256 MiB
	QualityMemory  int64 `yaml:"-"`                // dq.memory: bytes that one shard's values for quality rules may hold before they are spilled, default 256 MiB
	MaxRecordBytes int   `yaml:"max_record_bytes"` // a longer value is malformed, default 16 MiB
}

// The limits of the settings. A chunk with one record of the greatest size on
// top must fit a Parquet page that every reader takes.
const (
	minMemory      = 1 << 20
	maxRecordBytes = 128 << 20
	maxChunkRows   = 1 << 20
)

// WithDefaults fills in what is zero.
func (c Config) WithDefaults() Config {
	if c.ChunkRows == 0 {
		c.ChunkRows = 8192
	}
	if c.ShardRecords == 0 {
		c.ShardRecords = 250_000
	}
	if c.Memory == 0 {
		c.Memory = 256 << 20
	}
	if c.QualityMemory == 0 {
		c.QualityMemory = 256 << 20
	}
	if c.MaxRecordBytes == 0 {
		c.MaxRecordBytes = 16 << 20
	}
	return c
}

// Validate reports every setting that is out of bounds.
func (c Config) Validate() error {
	c = c.WithDefaults()
	return errors.Join(
		within("engine.chunk_rows", int64(c.ChunkRows), 1, maxChunkRows),
		within("engine.shard_records", c.ShardRecords, 1, 1<<40),
		within("engine.memory", c.Memory, minMemory, 1<<40),
		within("dq.memory", c.QualityMemory, minMemory, 1<<40),
		within("engine.max_record_bytes", int64(c.MaxRecordBytes), 1, maxRecordBytes),
	)
}

func within(key string, v, lo, hi int64) error {
	if v < lo || v > hi {
		return fmt.Errorf("%s is %d: it must be between %d and %d", key, v, lo, hi)
	}
	return nil
}

// chunkBytes is how much raw text a chunk gathers before it is flushed.
func (c Config) chunkBytes() int { return int(min(c.Memory/8, 64<<20)) }
