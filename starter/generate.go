package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
)

func (a *app) generateCommand() *cobra.Command {
	c := generator.Config{Seed: 1, Count: 1000, Rate: 1000}
	var preset, name, start string
	var paced, stdout bool
	cmd := &cobra.Command{
		Use: "generate", Short: "Make a pipeline's events with any mix of anomalies, the same for the same seed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Start = time.Now()
			if !paced {
				c.Start = c.Start.Add(-time.Duration(float64(c.Count) / c.Rate * float64(time.Second)))
			}
			if start != "" {
				var err error
				if c.Start, err = time.Parse(time.RFC3339, start); err != nil {
					return &usageError{fmt.Errorf("--start: %w", err)}
				}
			}
			if err := applyPreset(&c, preset); err != nil {
				return err
			}
			d, err := a.generated(name)
			if err != nil {
				return err
			}
			c.Dataset = d.Declared.Name
			if stdout {
				return a.writeEvents(c)
			}
			return a.produce(cmd.Context(), d.Pipeline, c, paced)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&c.Seed, "seed", c.Seed, "the same seed makes the same events, but for their times (see --start)")
	f.Int64VarP(&c.Count, "count", "n", c.Count, "how many")
	f.StringVar(&start, "start", "", "the first event's time, RFC 3339; default so that the last one is now")
	f.Float64Var(&c.Rate, "rate", c.Rate, "events a second, by their times")
	f.BoolVar(&paced, "paced", false, "send them at that rate by the clock, not all at once")
	f.StringVarP(&name, "pipeline", "p", demoPipeline, "the pipeline whose events they are, and whose topic gets them")
	f.BoolVar(&stdout, "stdout", false, "print them, one a line, instead")
	f.StringVar(&preset, "preset", "", "a named mix: "+strings.Join(presetNames(), ", "))
	f.Float64Var(&c.AdditiveShare, "additive", 0, "share with a field that the schema lacks")
	f.StringVar(&c.AdditiveField, "additive-field", "", "that field's name; default loyalty_tier, of orders sales_channel")
	f.Float64Var(&c.TypeShare, "type-drift", 0, "share with a number as a text: age, of orders amount")
	f.Float64Var(&c.MissingShare, "missing-field", 0, "share without a required field: email, of orders currency")
	f.Float64Var(&c.LateShare, "late", 0, "share that is hours late")
	f.Float64Var(&c.BadShare, "bad", 0, "share that breaks a rule")
	f.StringVar(&c.BadCountry, "bad-country", "", "country with failures of its own")
	f.Float64Var(&c.BadCountryShare, "bad-country-share", 0, "share of that country's events that breaks a rule")
	f.Float64Var(&c.MalformedShare, "malformed", 0, "share that can't be decoded")
	f.Float64Var(&c.DuplicateShare, "duplicate", 0, "share with another event's id")
	return cmd
}

func presetNames() []string {
	var names []string
	for _, p := range generator.Presets() {
		names = append(names, p.Name)
	}
	return names
}

func applyPreset(c *generator.Config, name string) error {
	if name == "" {
		return nil
	}
	for _, p := range generator.Presets() {
		if p.Name == name {
			p.Apply(c)
			return nil
		}
	}
	return &usageError{fmt.Errorf("--preset %q is none of %s", name, strings.Join(presetNames(), ", "))}
}

// generated is a pipeline that the generator can make events of.
func (a *app) generated(name string) (*config.Declaration, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	d, err := cfg.Declare(name, a.env)
	if err != nil {
		return nil, err
	}
	return d, generator.Serves(d.Declared)
}

func (a *app) writeEvents(c generator.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	w := bufio.NewWriter(a.out)
	for e := range c.Events() {
		if _, err := w.Write(append(e.Value, '\n')); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (a *app) produce(ctx context.Context, p *config.Pipeline, c generator.Config, paced bool) error {
	if err := p.Source.NeedsKafka("generate events"); err != nil {
		return err
	}
	n, err := generator.Produce(ctx, generator.Target{Brokers: p.Source.Brokers, Topic: p.Source.Topic, Paced: paced}, c, a.progress(c.Count, "producing"))
	if err != nil {
		return err
	}
	return a.print(map[string]any{"topic": p.Source.Topic, "events": n, "seed": c.Seed}, func() {
		a.say("%d events went to topic %s (seed %d)", n, p.Source.Topic, c.Seed)
	})
}

// produce makes a scenario's batch. The seed hangs on what the topic has, so
// that a second demo goes on with events of its own.
func (s *stack) produce(ctx context.Context, name, preset string, events int) error {
	p, err := s.app.generated(name)
	if err != nil {
		return err
	}
	c := generator.Config{Dataset: p.Declared.Name, Seed: uint64(end(s.kafka, p.Source.Topic)) + 1, Count: int64(events), Start: time.Now().Add(-time.Duration(events) * time.Millisecond)}
	if err := applyPreset(&c, preset); err != nil {
		return err
	}
	if c.AdditiveField, err = s.newField(ctx, name, generator.NewField(c.Dataset)); err != nil {
		return err
	}
	_, err = generator.Produce(ctx, generator.Target{Brokers: p.Source.Brokers, Topic: p.Source.Topic}, c, nil)
	return err
}

// end is the number of offsets that a topic has given out.
func end(b *fakekafka.Broker, topic string) int64 {
	var n int64
	for _, p := range b.Cluster.PartitionInfos(topic) {
		n += p.HighWatermark
	}
	return n
}

// newField is a field that the schema doesn't have yet, also in a second demo.
func (s *stack) newField(ctx context.Context, name, field string) (string, error) {
	store, err := s.app.ops(ctx)
	if err != nil {
		return "", err
	}
	v, ok, err := store.LatestSchema(ctx, name)
	if err != nil {
		return "", err
	}
	wanted := field
	for n := 2; ok && v.Schema.Index(wanted) >= 0; n++ {
		wanted = fmt.Sprintf("%s_%d", field, n)
	}
	return wanted, nil
}
