package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// view is the environment as one pipeline sees it: VARIABLE_<PIPELINE> wins
// over VARIABLE, and a variable that can mean one pipeline alone is heard by
// that one.
type view struct {
	config Config
	name   string
	env    func(string) string
	refuse map[string]problem // by variable
}

type problem struct {
	value string
	all   []string // pipelines that the variable would be for
}

func (c Config) view(p *Pipeline, env func(string) string) *view {
	return &view{config: c, name: p.Name, env: env, refuse: map[string]problem{}}
}

// exclusive are the variables that mean one pipeline alone, each with what a
// pipeline's file says in its place: two pipelines on one topic would take each
// other's events for bad data, two on one table would fence each other.
var exclusive = map[string]func(f file, name string) string{
	"KAFKA_TOPIC": func(f file, _ string) string { return f.Source.Topic },
	"SNOWFLAKE_TABLE": func(f file, name string) string {
		if f.Sink.Snowflake.Table == "" {
			return snowflakeTable(name)
		}
		return f.Sink.Snowflake.Table
	},
}

// file is the part of a pipeline's file that exclusive variables override.
type file struct {
	Source struct {
		Topic string `yaml:"topic"`
	} `yaml:"source"`
	Sink struct {
		Snowflake struct {
			Table string `yaml:"table"`
		} `yaml:"snowflake"`
	} `yaml:"sink"`
}

// snowflakeTable is a pipeline's table, if nobody says otherwise.
func snowflakeTable(name string) string { return strings.ReplaceAll(name, "-", "_") }

// own is one pipeline's variant of a variable.
func own(variable, name string) string {
	return variable + "_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// get reads a variable. It takes the place of os.Getenv.
func (v *view) get(variable string) string {
	if mine := v.env(own(variable, v.name)); mine != "" {
		return mine
	}
	all := v.env(variable)
	declared, alone := exclusive[variable]
	if !alone || all == "" {
		return all
	}
	names, err := v.config.Names()
	if err != nil {
		return all // the pipeline's own file was read: it is the one that there is
	}
	for _, n := range names {
		if strings.EqualFold(declared(v.config.file(n), n), all) {
			if n == v.name {
				return all
			}
			return "" // it is that pipeline's, not this one's
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n != v.name && v.env(own(variable, n)) != "" })
	if len(names) > 1 {
		v.refuse[variable] = problem{all, names}
		return ""
	}
	return all
}

// problems are the variables that would make several pipelines one.
func (v *view) problems(p *Pipeline) error {
	var errs []error
	for _, at := range []struct {
		variable, setting string
		read              bool
	}{
		{"KAFKA_TOPIC", "source.topic", true},
		{"SNOWFLAKE_TABLE", "sink.snowflake.table", p.Sink.Mode == "snowflake"},
	} {
		if r, ok := v.refuse[at.variable]; ok && at.read {
			errs = append(errs, pipeline.Misconfiguredf(at.setting+" / "+at.variable,
				"take %s=%s: %s would all use it, and each needs its own; set %s instead", at.variable, r.value, strings.Join(r.all, ", "), own(at.variable, v.name)))
		}
	}
	return errors.Join(errs...)
}

// file reads what exclusive variables override. A file that can't be read says
// nothing here: that is for its own pipeline to report.
func (c Config) file(name string) file {
	var f file
	b, err := os.ReadFile(filepath.Join(c.PipelinesDir, name+".yml"))
	if err != nil || yaml.Unmarshal(b, &f) != nil {
		return file{}
	}
	return f
}
