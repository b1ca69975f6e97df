package config

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Alerting reads who is told what. A file that isn't there is an error only if
// somebody named it: the default may be missing.
func (c Config) Alerting() (alerting.Settings, error) {
	s := alerting.DefaultSettings()
	b, err := os.ReadFile(c.AlertingFile)
	if errors.Is(err, fs.ErrNotExist) && c.AlertingFile == defaultAlertingFile {
		return s, nil
	}
	if err != nil {
		return s, pipeline.Misconfiguredf("ALERTING_FILE", "read the alerting settings: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return s, inFile(c.AlertingFile, nil, &pipeline.Fault{Kind: pipeline.Misconfigured, Setting: "ALERTING_FILE", Err: err})
	}
	return s, nil
}

// CheckAlerting reports what is wrong with the alerting settings, given the
// channels.
func (c Config) CheckAlerting(channels []alerting.Notifier) error {
	s, err := c.Alerting()
	if err != nil {
		return err
	}
	var names []string
	for _, n := range channels {
		names = append(names, n.Name())
	}
	slices.Sort(names)
	return s.Validate(names)
}
