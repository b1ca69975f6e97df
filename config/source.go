package config

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/source"
	"github.com/autonomous-data-pipeline/adp/source/files"
	"github.com/autonomous-data-pipeline/adp/source/kafka"
	"github.com/autonomous-data-pipeline/adp/source/postgres"
)

// The kinds of sources.
const (
	fromKafka    = "kafka"
	fromFiles    = "files"
	fromPostgres = "postgres"
)

// Source says where a pipeline's events come from. Its topic is Kafka's, the
// folder below files.path, or the table.
type Source struct {
	Kind         string `yaml:"kind"` // kafka (default), files or postgres
	kafka.Config `yaml:",inline"`
	Files        files.Config    `yaml:"files"`
	Postgres     postgres.Config `yaml:"postgres"`
}

func defaultSource() Source {
	return Source{Kind: fromKafka, Config: kafka.DefaultConfig(), Files: files.DefaultConfig(), Postgres: postgres.DefaultConfig()}
}

// override lets the environment win over the file, where it is about the kind
// that the file chose: one environment serves pipelines of several kinds.
func (s *Source) override(env func(string) string) {
	use := func(kind, v string, set func(string)) {
		if v != "" && s.Kind == kind {
			set(v)
		}
	}
	use(fromKafka, env("KAFKA_BROKER"), func(v string) { s.Brokers = strings.Split(v, ",") })
	use(fromKafka, env("KAFKA_TOPIC"), func(v string) { s.Topic = v })
	use(fromFiles, env("FILES_PATH"), func(v string) { s.Files.Path = v })
	use(fromPostgres, env("POSTGRES_URL"), s.Postgres.SetURL)
	use(fromPostgres, env("POSTGRES_PASSWORD"), func(v string) { s.Postgres.Password = v })
}

// settle fills in what follows from other settings.
func (s *Source) settle(c Config, name string) {
	if s.Files.Index == "" {
		s.Files.Index = filepath.Join(c.DataDir, "sources", name, "index.db")
	}
}

// Validate checks the settings of the kind that was chosen.
func (s Source) Validate() error {
	kinds := []string{fromKafka, fromFiles, fromPostgres}
	if !slices.Contains(kinds, s.Kind) {
		return pipeline.Misconfiguredf("source.kind", "source kind %q is unknown; use one of %s", s.Kind, strings.Join(kinds, ", "))
	}
	if s.Kind != fromKafka && s.Start != kafka.Earliest {
		return pipeline.Misconfiguredf("source.start", "start at %q: only Kafka can start at its end; leave it at earliest", s.Start)
	}
	switch s.Kind {
	case fromFiles:
		return s.Files.Validate()
	case fromPostgres:
		return s.Postgres.Validate()
	default:
		return s.Config.Validate()
	}
}

// Source connects to a pipeline's source. The schema is the declared one, or
// nil for who wants offsets alone.
func (c Config) Source(p *Pipeline, s *schemas.Schema) (source.Source, error) {
	switch p.Source.Kind {
	case fromFiles:
		return files.New(p.Source.Files, files.Options{Schema: s, MaxRecordBytes: p.Engine.MaxRecordBytes})
	case fromPostgres:
		return postgres.New(p.Source.Postgres)
	default:
		return kafka.New(p.Source.Config)
	}
}

// NeedsKafka refuses a source that isn't Kafka, to what writes there.
func (s Source) NeedsKafka(what string) error {
	if s.Kind == fromKafka {
		return nil
	}
	return pipeline.Misconfiguredf("source.kind", "%s: it writes to Kafka, and the pipeline's events come from %s", what, s.Kind)
}

// anchored is a source that may begin at its end.
type anchored interface {
	Anchor(ctx context.Context, group, topic string, cp pipeline.Checkpoint) (pipeline.Checkpoint, error)
}

// anchor is the checkpoint to plan from, for activities.Dataset.
func anchor(src source.Source, group, topic string) func(context.Context, pipeline.Checkpoint) (pipeline.Checkpoint, error) {
	return func(ctx context.Context, cp pipeline.Checkpoint) (pipeline.Checkpoint, error) {
		if a, ok := src.(anchored); ok {
			return a.Anchor(ctx, group, topic, cp)
		}
		return cp, nil
	}
}
