package config

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// nameRule keeps names safe in paths, workflow IDs and table names.
var nameRule = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// Names lists the pipelines in the folder, sorted.
func (c Config) Names() ([]string, error) {
	entries, err := os.ReadDir(c.PipelinesDir)
	if err != nil {
		return nil, pipeline.Misconfiguredf("PIPELINES_DIR", "list the pipelines: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yml"); ok && !e.IsDir() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Load reads one pipeline's file, with the environment over it.
func (c Config) Load(name string, env func(string) string) (*Pipeline, error) {
	if !nameRule.MatchString(name) {
		return nil, pipeline.Misconfiguredf("pipeline", "pipeline name %q: lower-case letters, digits, - and _ are allowed, and a letter comes first", name)
	}
	path := filepath.Join(c.PipelinesDir, name+".yml")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		known, _ := c.Names() // the hint is worth less than the error
		return nil, pipeline.Misconfiguredf("PIPELINES_DIR", "pipeline %q is not declared: there is no %s (known: %s)", name, path, strings.Join(known, ", "))
	}
	p, err := c.decode(path)
	if err != nil {
		return nil, err
	}
	view := c.view(p, env)
	p.override(view.get)
	errs := []error{view.problems(p)}
	p.settle(c)
	if p.Name != name {
		errs = append(errs, pipeline.Misconfiguredf("name", "the file is %s.yml, the name in it %q: they must be the same", name, p.Name))
	}
	errs = append(errs, p.Validate())
	err = p.at(errors.Join(errs...))
	return p, err
}

// ReadPolicy reads a policy over the defaults: from a pipeline file, of which
// nothing else is checked, or from a file that holds the policy's own keys.
func (c Config) ReadPolicy(path string) (agent.Policy, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return agent.Policy{}, pipeline.Misconfiguredf("policy", "read the policy: %w", err)
	}
	var keys map[string]any
	if err := yaml.Unmarshal(b, &keys); err != nil {
		return agent.Policy{}, inFile(path, nil, &pipeline.Fault{Kind: pipeline.Misconfigured, Err: err})
	}
	if keys["policy"] == nil && keys["name"] == nil && len(keys) > 0 {
		return c.policyAlone(path, b)
	}
	p, err := c.decode(path)
	if err != nil {
		return agent.Policy{}, err
	}
	err = p.at(p.Policy.Validate())
	return p.Policy, err
}

func (c Config) policyAlone(path string, b []byte) (agent.Policy, error) {
	p := agent.DefaultPolicy()
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil {
		return p, inFile(path, nil, &pipeline.Fault{Kind: pipeline.Misconfigured, Err: err})
	}
	p = p.WithOwn(c.Actions.Specs())
	return p, inFile(path, nil, p.Validate())
}

// decode reads a pipeline file over the defaults. Unknown keys are refused.
func (c Config) decode(path string) (*Pipeline, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, pipeline.Misconfiguredf("PIPELINES_DIR", "read the pipeline file: %w", err)
	}
	p := defaults(c, strings.TrimSuffix(filepath.Base(path), ".yml"))
	p.File, p.root = path, &yaml.Node{}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	err = dec.Decode(&p)
	if errors.Is(err, io.EOF) {
		err = errors.New("the file is empty")
	}
	if err == nil {
		err = yaml.Unmarshal(b, p.root)
	}
	if err != nil {
		return nil, inFile(path, nil, &pipeline.Fault{Kind: pipeline.Misconfigured, Err: err})
	}
	p.Policy = p.Policy.WithOwn(c.Actions.Specs())
	return &p, nil
}

// at says where in the file the problems are.
func (p *Pipeline) at(err error) error { return inFile(p.File, p.root, err) }

// Declaration is a pipeline with the files that it names, read and checked.
type Declaration struct {
	*Pipeline
	Declared *schemas.Schema
	Rules    batch.Rules
	Warnings []string // what works, but surely isn't meant
	Inputs   []string // the files it was read from
}

// Declare reads a pipeline with its schema and its rules, and reports every
// problem at once.
func (c Config) Declare(name string, env func(string) string) (*Declaration, error) {
	p, err := c.Load(name, env)
	if p == nil {
		return nil, err
	}
	d := &Declaration{Pipeline: p, Inputs: []string{p.File, p.Schema.File, p.Quality.Rules}}
	errs := []error{err, inFile(p.Schema.File, nil, d.readSchema()), inFile(p.Quality.Rules, nil, d.readRules())}
	if d.Declared != nil {
		errs = append(errs, p.at(d.checkColumns()))
	}
	return d, errors.Join(errs...)
}

func (d *Declaration) readSchema() error {
	if d.Schema.File == "" {
		return nil // Validate has said so
	}
	b, err := readFile("schema.file", d.Schema.File)
	if err != nil {
		return err
	}
	if d.Declared, err = schemas.Parse(b); err != nil {
		return &pipeline.Fault{Kind: pipeline.Misconfigured, Setting: "schema.file", Err: err}
	}
	return nil
}

func (d *Declaration) readRules() error {
	d.Rules = batch.Rules{
		Format: "json", EventTime: d.Schema.EventTime, AllowedLateness: d.Schema.AllowedLateness, Segments: d.Quality.Segments,
	}
	if d.Quality.Rules == "" {
		return nil // Validate has said so
	}
	b, err := readFile("quality.rules", d.Quality.Rules)
	if err != nil {
		return err
	}
	suites, err := dq.ParseSuites(b)
	if err != nil {
		return &pipeline.Fault{Kind: pipeline.Misconfigured, Setting: "quality.rules", Err: err}
	}
	suite, ok := suites[d.Quality.Suite]
	if !ok {
		var known []string
		for k := range suites {
			known = append(known, k)
		}
		slices.Sort(known)
		return pipeline.Misconfiguredf("quality.suite", "suite %q is not in the file (it has: %s)", d.Quality.Suite, strings.Join(known, ", "))
	}
	d.Rules.Suite = suite
	if d.Declared == nil {
		return nil
	}
	prog, err := dq.Compile(suite, d.Declared)
	if err != nil {
		return &pipeline.Fault{Kind: pipeline.Misconfigured, Setting: "quality.rules", Err: err}
	}
	d.Warnings = append(d.Warnings, prog.Warnings()...)
	return nil
}

// checkColumns holds the columns that the file names against the schema.
func (d *Declaration) checkColumns() error {
	var errs []error
	if et := d.Schema.EventTime; et != "" {
		i := d.Declared.Index(et)
		switch {
		case i < 0:
			errs = append(errs, pipeline.Misconfiguredf("schema.event_time", "column %q is not in %s", et, d.Schema.File))
		case d.Declared.Fields[i].Type != schemas.Timestamp:
			errs = append(errs, pipeline.Misconfiguredf("schema.event_time", "column %q is %s, not a timestamp", et, d.Declared.Fields[i].Type))
		}
	}
	for _, s := range d.Quality.Segments {
		if d.Declared.Index(s) < 0 {
			errs = append(errs, pipeline.Misconfiguredf("quality.segments", "column %q is not in %s", s, d.Schema.File))
		}
	}
	return errors.Join(errs...)
}
