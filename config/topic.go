package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// topicVariable is the environment's word for one pipeline's topic.
func topicVariable(name string) string {
	return "KAFKA_TOPIC_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// overrideTopic lets the environment say which topic a pipeline reads.
// KAFKA_TOPIC means one pipeline: the one whose file names that topic already,
// or the only one that has no variable of its own. Where it would make several
// read one topic it is refused.
func (c Config) overrideTopic(p *Pipeline, env func(string) string) error {
	own := topicVariable(p.Name)
	if v := env(own); v != "" {
		p.Source.Topic = v
		return nil
	}
	v := env("KAFKA_TOPIC")
	if v == "" || v == p.Source.Topic {
		return nil
	}
	names, err := c.Names()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(names, func(n string) bool { return c.declaredTopic(n) == v }) {
		return nil // it is that pipeline's topic, not this one's
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n != p.Name && env(topicVariable(n)) != "" })
	if len(names) > 1 {
		return pipeline.Misconfiguredf("source.topic / KAFKA_TOPIC", "read topic %q: %s would all read it, and each would take the others' events for bad data; set %s instead",
			v, strings.Join(names, ", "), own)
	}
	p.Source.Topic = v
	return nil
}

// declaredTopic is the topic in a pipeline's file; empty if the file can't be
// read, which is for that pipeline to say.
func (c Config) declaredTopic(name string) string {
	var p struct {
		Source struct {
			Topic string `yaml:"topic"`
		} `yaml:"source"`
	}
	b, err := os.ReadFile(filepath.Join(c.PipelinesDir, name+".yml"))
	if err != nil || yaml.Unmarshal(b, &p) != nil {
		return ""
	}
	return p.Source.Topic
}
