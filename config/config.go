// Package config reads pipeline files and the environment, checks all of it at
// once, and composes each package's own settings. The environment overrides a
// pipeline's file, so that one file serves every place it runs in.
package config

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/iceberg"
	"github.com/autonomous-data-pipeline/adp/sink/parquet"
	"github.com/autonomous-data-pipeline/adp/sink/snowflake"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Config is what a process needs beside its pipelines.
type Config struct {
	DataDir      string // DATA_DIR, default "data": staging, reports, tables, quarantine
	PipelinesDir string // PIPELINES_DIR, default "pipelines"
	OpsDB        string // OPS_DB, default "<DATA_DIR>/ops/ops.db"
	LogLevel     string // LOG_LEVEL: debug, info (default), warn or error
	MetricsAddr  string // METRICS_ADDR, host:port of the worker's metrics; empty serves none
	Temporal     Temporal
	Console      Console
	RunbookURL   string // RUNBOOK_URL, where there is a file <condition>.md for each condition; default this project's own
	Trigger      Trigger
	AlertingFile string // ALERTING_FILE, who is told what, default "alerting.yml", which may be missing
	Alerts       Alerts
	Actions      *agent.Registry // own actions that rules may plan; nil: there are none
}

// Temporal says where the Temporal service is.
type Temporal struct {
	Address   string // TEMPORAL_ADDRESS, default "127.0.0.1:<TEMPORAL_PORT>", and that 7233
	Namespace string // TEMPORAL_NAMESPACE, default "default"
	TaskQueue string // TEMPORAL_TASK_QUEUE, default "pipelines"
	WebUI     string // TEMPORAL_UI, default "http://127.0.0.1:<TEMPORAL_UI_PORT>", and that 8233
}

// Console says where people reach the pages and the API.
type Console struct {
	Addr string // CONSOLE_ADDR, host:port on which the worker serves them; empty: it doesn't
	URL  string // CONSOLE_URL, their address in alerts' links, default "http://<CONSOLE_ADDR>"; empty: alerts don't link to them
	// CONSOLE_TRUST_PROXY=true takes callers' address and scheme from
	// X-Forwarded-For and X-Forwarded-Proto, which a proxy before it must set.
	TrustProxy bool
}

// defaultAlertingFile may be missing.
const defaultAlertingFile = "alerting.yml"

// Pipeline is one dataset's declaration: a file in PIPELINES_DIR.
type Pipeline struct {
	Name     string       `yaml:"name"`
	Source   Source       `yaml:"source"`
	Schema   Schema       `yaml:"schema"`
	Quality  Quality      `yaml:"quality"`
	Batch    Batch        `yaml:"batch"`
	DQ       DQ           `yaml:"dq"`
	Engine   batch.Config `yaml:"engine"`
	Policy   agent.Policy `yaml:"policy"`
	Agent    Agent        `yaml:"agent"`
	Sink     Sink         `yaml:"sink"`
	Retry    Retry        `yaml:"retry"`
	Schedule Schedule     `yaml:"schedule"`

	Retention   Retention   `yaml:"retention"`
	Maintenance Maintenance `yaml:"maintenance"`

	File string     `yaml:"-"` // where it was read from
	root *yaml.Node // the file, for line numbers
}

// Schema says what the events must look like.
type Schema struct {
	File            string        `yaml:"file"`             // Avro record schema, relative to the working folder
	EventTime       string        `yaml:"event_time"`       // timestamp column
	AllowedLateness time.Duration `yaml:"allowed_lateness"` // default 10m
}

// Quality names the rules.
type Quality struct {
	Rules    string   `yaml:"rules"`    // file of business rules
	Suite    string   `yaml:"suite"`    // name under business_rules
	Segments []string `yaml:"segments"` // columns by whose values failures are counted
}

// DQ bounds what evaluating the rules takes.
type DQ struct {
	Memory int64 `yaml:"memory"` // bytes that a shard's values for rules may hold before they are spilled to disk, default 256 MiB
}

// Batch bounds a batch.
type Batch struct {
	MaxRecords int64 `yaml:"max_records"` // offsets a batch, default 5,000,000; 0 is no limit
}

// Sink says where the table goes.
type Sink struct {
	Mode      string           `yaml:"mode"` // parquet, iceberg or snowflake; SINK_MODE
	Parquet   parquet.Config   `yaml:",inline"`
	Iceberg   iceberg.Config   `yaml:"iceberg"`
	Snowflake snowflake.Config `yaml:"snowflake"`
}

// Retry bounds each activity of a run.
type Retry struct {
	Attempts     int32         `yaml:"attempts"`      // default 8
	Backoff      time.Duration `yaml:"backoff"`       // before the second attempt, doubling to a minute; default 1s
	ShardTimeout time.Duration `yaml:"shard_timeout"` // one attempt at one shard; default 30m
	Heartbeat    time.Duration `yaml:"heartbeat"`     // silence after which an attempt counts as dead; default 15s
	Parallelism  int           `yaml:"parallelism"`   // shards at once; default 4
}

// Schedule says when runs, or maintenance, start by themselves.
type Schedule struct {
	Every  time.Duration `yaml:"every"` // default 5m; of maintenance 24h
	Cron   string        `yaml:"cron"`  // instead of every
	Paused bool          `yaml:"paused"`
}

// FromEnv reads the process's settings. Nothing is opened.
func FromEnv(env func(string) string) (Config, error) {
	get := func(key, fallback string) string {
		if v := env(key); v != "" {
			return v
		}
		return fallback
	}
	c := Config{
		DataDir:      get("DATA_DIR", "data"),
		PipelinesDir: get("PIPELINES_DIR", "pipelines"),
		LogLevel:     get("LOG_LEVEL", "info"),
		MetricsAddr:  env("METRICS_ADDR"),
		AlertingFile: get("ALERTING_FILE", defaultAlertingFile),
		Temporal: Temporal{
			Address:   get("TEMPORAL_ADDRESS", "127.0.0.1:"+get("TEMPORAL_PORT", "7233")),
			Namespace: get("TEMPORAL_NAMESPACE", "default"),
			TaskQueue: get("TEMPORAL_TASK_QUEUE", "pipelines"),
			WebUI:     strings.TrimSuffix(get("TEMPORAL_UI", "http://127.0.0.1:"+get("TEMPORAL_UI_PORT", "8233")), "/"),
		},
		Console: Console{Addr: env("CONSOLE_ADDR"), TrustProxy: env("CONSOLE_TRUST_PROXY") == "true"},
		Trigger: triggerFrom(env),
		Alerts:  alertsFromEnv(env),
	}
	if c.Console.Addr != "" {
		c.Console.URL = "http://" + c.Console.Addr
	}
	c.Console.URL = strings.TrimSuffix(get("CONSOLE_URL", c.Console.URL), "/")
	c.RunbookURL = strings.TrimSuffix(get("RUNBOOK_URL", ownRunbooks), "/")
	c.OpsDB = get("OPS_DB", filepath.Join(c.DataDir, "ops", "ops.db"))
	errs := []error{c.Trigger.validate()}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		errs = append(errs, pipeline.Misconfiguredf("LOG_LEVEL", "log level %q is none of debug, info, warn, error", c.LogLevel))
	}
	if u, err := url.Parse(c.Console.URL); c.Console.URL != "" && (err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		errs = append(errs, pipeline.Misconfiguredf("CONSOLE_URL", "the console's address %q is no http or https URL", c.Console.URL))
	}
	if u, err := url.Parse(c.RunbookURL); err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, pipeline.Misconfiguredf("RUNBOOK_URL", "the runbooks' address %q is no http or https URL", c.RunbookURL))
	}
	errs = append(errs, c.Alerts.Validate())
	return c, errors.Join(errs...)
}

// defaults are what a pipeline file may leave out.
func defaults(c Config, name string) Pipeline {
	return Pipeline{
		Name:   name,
		Source: defaultSource(),
		Schema: Schema{AllowedLateness: 10 * time.Minute},
		Batch:  Batch{MaxRecords: 5_000_000},
		Engine: batch.Config{}.WithDefaults(),
		Policy: agent.DefaultPolicy(),
		Agent:  defaultAgent(),
		Sink: Sink{
			Mode: "parquet", Parquet: parquet.Config{Dir: filepath.Join(c.DataDir, "out", "parquet"), Table: name},
			Iceberg:   iceberg.Config{Warehouse: filepath.Join(c.DataDir, "out", "iceberg"), Table: name},
			Snowflake: snowflake.Config{Table: snowflakeTable(name)},
		},
		Retry: Retry{
			Attempts: 8, Backoff: time.Second, ShardTimeout: 30 * time.Minute, Heartbeat: 15 * time.Second, Parallelism: 4,
		},
		Schedule: Schedule{Every: 5 * time.Minute},

		Retention: Retention{Staging: Age(day), Reports: Age(90 * day), History: Age(90 * day)},
		Maintenance: Maintenance{
			Schedule: Schedule{Every: day}, ExpireAfter: Age(7 * day), KeepSnapshots: 20, CompactBelowBytes: 32 << 20, TargetBytes: 256 << 20,
		},
	}
}

// override lets the environment of the source documents win over the file.
func (p *Pipeline) override(env func(string) string) {
	p.Source.override(env)
	if v := env("SINK_MODE"); v != "" {
		p.Sink.Mode = strings.ToLower(v)
	}
	if v := env("PARQUET_OUT"); v != "" {
		p.Sink.Parquet.Dir = strings.TrimPrefix(v, "file://")
	}
	p.Sink.Iceberg, p.Sink.Snowflake = p.Sink.Iceberg.FromEnv(env), p.Sink.Snowflake.FromEnv(env)
	p.Agent.override(env)
}

// settle fills in what follows from other settings.
func (p *Pipeline) settle(c Config) {
	p.Source.settle(c, p.Name)
	files, ice := &p.Sink.Parquet, &p.Sink.Iceberg
	if files.QuarantineDir == "" {
		files.QuarantineDir = store.Beside(files.Dir, filepath.Join(c.DataDir, "quarantine", p.Name), "_quarantine/"+p.Name)
	}
	if ice.QuarantineDir == "" {
		ice.QuarantineDir = store.Beside(ice.Warehouse, filepath.Join(c.DataDir, "quarantine", p.Name+"-iceberg"), "_quarantine/"+p.Name)
	}
	ice.EventTime = p.Schema.EventTime
}

// Validate reports everything that is wrong with a pipeline at once.
func (p *Pipeline) Validate() error {
	errs := []error{
		p.Source.Validate(), p.engine().Validate(), p.Policy.Validate(), p.Agent.validate(), p.validateSink(), p.validateRetry(),
		p.Schedule.validate("schedule"), p.Maintenance.Validate(), p.Retention.Validate(),
	}
	missing := func(key, v string) {
		if v == "" {
			errs = append(errs, pipeline.Misconfiguredf(key, "%s is missing", key))
		}
	}
	missing("schema.file", p.Schema.File)
	missing("quality.rules", p.Quality.Rules)
	missing("quality.suite", p.Quality.Suite)
	missing("source.topic", p.Source.Topic)
	if p.Schema.AllowedLateness < 0 {
		errs = append(errs, pipeline.Misconfiguredf("schema.allowed_lateness", "%v is negative", p.Schema.AllowedLateness))
	}
	if p.Batch.MaxRecords < 0 {
		errs = append(errs, pipeline.Misconfiguredf("batch.max_records", "%d is negative; 0 is no limit", p.Batch.MaxRecords))
	}
	return errors.Join(errs...)
}

func (p *Pipeline) validateSink() error {
	switch p.Sink.Mode {
	case "parquet":
		return p.Sink.Parquet.Validate()
	case "snowflake":
		return p.Sink.Snowflake.Validate()
	case "iceberg":
		return p.Sink.Iceberg.Validate()
	}
	return pipeline.Misconfiguredf("sink.mode / SINK_MODE", "sink %q is unknown; use parquet, iceberg or snowflake", p.Sink.Mode)
}

func (p *Pipeline) validateRetry() error {
	var errs []error
	positive := func(key string, v int64) {
		if v <= 0 {
			errs = append(errs, pipeline.Misconfiguredf(key, "%d is not above 0", v))
		}
	}
	positive("retry.attempts", int64(p.Retry.Attempts))
	positive("retry.backoff", int64(p.Retry.Backoff))
	positive("retry.parallelism", int64(p.Retry.Parallelism))
	// Temporal counts these in whole seconds.
	for key, v := range map[string]time.Duration{"retry.shard_timeout": p.Retry.ShardTimeout, "retry.heartbeat": p.Retry.Heartbeat} {
		if v < time.Second {
			errs = append(errs, pipeline.Misconfiguredf(key, "%v is below 1s", v))
		}
	}
	return errors.Join(errs...)
}

// limits are what the workflow takes along.
func (r Retry) limits() pipeline.Limits {
	return pipeline.Limits{
		Parallelism: r.Parallelism, Attempts: r.Attempts, BackoffMs: r.Backoff.Milliseconds(),
		ShardTimeoutS: int64(r.ShardTimeout.Seconds()), HeartbeatS: int64(r.Heartbeat.Seconds()), MaxSchemaChange: 1,
	}
}

// readFile reads a file that a setting names.
func readFile(setting, path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, pipeline.Misconfiguredf(setting, "read %s: %w", path, err)
	}
	return b, nil
}
