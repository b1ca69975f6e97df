package config

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/autonomous-data-pipeline/adp/activities"
	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/iceberg"
	"github.com/autonomous-data-pipeline/adp/sink/parquet"
	"github.com/autonomous-data-pipeline/adp/sink/snowflake"
)

// Catalog wires pipelines as they are asked for, and again when one of their
// files has changed, so that a threshold can be turned without a restart.
type Catalog struct {
	config Config
	env    func(string) string

	mu    sync.Mutex
	wired map[string]wired
}

type wired struct {
	dataset *activities.Dataset
	inputs  map[string]time.Time // file → its time when it was read
}

// NewCatalog makes an empty catalog. env is os.Getenv, or a test's own.
func NewCatalog(c Config, env func(string) string) *Catalog {
	return &Catalog{config: c, env: env, wired: map[string]wired{}}
}

// Dataset wires a pipeline, or gives it again if none of its files changed.
func (c *Catalog) Dataset(_ context.Context, name string) (*activities.Dataset, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.wired[name]; ok && w.fresh() {
		return w.dataset, nil
	}
	d, err := c.config.Declare(name, c.env)
	if err != nil {
		return nil, err
	}
	dataset, err := c.config.wire(d)
	if err != nil {
		return nil, err
	}
	// A dataset that was replaced isn't closed here: an activity may be using
	// it. Its source and sink hold no connection between calls.
	w := wired{dataset: dataset, inputs: map[string]time.Time{}}
	for _, f := range d.Inputs {
		w.inputs[f] = modified(f)
	}
	c.wired[name] = w
	return dataset, nil
}

// Declared gives the parts of a pipeline that need neither source nor sink. If
// its file is broken they are those of the last good one, or the defaults.
func (c *Catalog) Declared(ctx context.Context, name string) (*activities.Dataset, error) {
	d, err := c.Dataset(ctx, name)
	if err == nil {
		return d, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.wired[name]; ok {
		return w.dataset, nil
	}
	if _, serr := os.Stat(filepath.Join(c.config.PipelinesDir, name+".yml")); serr != nil || !nameRule.MatchString(name) {
		return nil, err // nobody has declared such a pipeline: a run of it has no place to report to
	}
	return &activities.Dataset{
		Name: name, Policy: agent.DefaultPolicy(), Agent: agent.DefaultSettings(),
		Staging: c.config.staging(name), Reports: c.config.Reports(name),
	}, nil
}

func (w wired) fresh() bool {
	for f, at := range w.inputs {
		if !modified(f).Equal(at) {
			return false
		}
	}
	return true
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// wire builds a declaration's parts. This is the one place that knows which
// driver a setting means.
func (c Config) wire(d *Declaration) (*activities.Dataset, error) {
	src, err := c.Source(d.Pipeline, d.Declared)
	if err != nil {
		return nil, err
	}
	snk, err := c.Sink(d.Pipeline)
	if err != nil {
		return nil, err
	}
	model, err := d.Agent.model(d.Agent.Provider)
	if err != nil {
		return nil, err
	}
	shadow, err := d.Agent.model(d.Agent.Shadow)
	if err != nil {
		return nil, err
	}
	group := d.Source.GroupFor(d.Name)
	return &activities.Dataset{
		Name: d.Name, Topic: d.Source.Topic, Group: group,
		Anchor:   anchor(src, group, d.Source.Topic),
		Declared: d.Declared, Rules: d.Rules, QualityMemory: d.DQ.Memory,
		MaxRecords: d.Batch.MaxRecords, ShardRecords: d.Engine.ShardRecords,
		Limits: d.Retry.limits(), Policy: d.Policy, Agent: d.Agent.Settings, Model: model, Shadow: shadow,
		Source: src, Engine: batch.New(d.engine()), Sink: snk,
		Staging: c.staging(d.Name), Reports: c.Reports(d.Name), Retention: d.Retention.wire(), Upkeep: d.Maintenance.upkeep(),
	}, nil
}

// Sink opens a pipeline's sink.
func (c Config) Sink(p *Pipeline) (sink.Sink, error) {
	switch p.Sink.Mode {
	case "iceberg":
		return iceberg.New(p.Sink.Iceberg)
	case "snowflake":
		return snowflake.New(p.Sink.Snowflake)
	}
	return parquet.New(p.Sink.Parquet)
}

func (c Config) staging(name string) string { return filepath.Join(c.DataDir, "staging", name) }

// AccessLog is the decision log of what is no single pipeline's: who made and
// revoked tokens. No pipeline's name begins like its folder.
func (c Config) AccessLog() string {
	return filepath.Join(c.DataDir, "ops", "_access", "decision_log.jsonl")
}

// Reports is the folder of a pipeline's run reports and decision log.
func (c Config) Reports(name string) string { return filepath.Join(c.DataDir, "ops", name) }

// engine is the engine's configuration with what other sections say of it.
func (p *Pipeline) engine() batch.Config {
	c := p.Engine
	c.QualityMemory = p.DQ.Memory
	return c
}
