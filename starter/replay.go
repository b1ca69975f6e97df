package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// replay makes a recorded decision again from its own evidence. A difference is
// an error: the decision doesn't follow from what was recorded, or this version
// decides otherwise.
func (a *app) replay(ctx context.Context, id, name, file string) error {
	rec, err := a.findDecision(id, name, file)
	if err != nil {
		return err
	}
	r, err := rec.Replay(ctx)
	if err != nil {
		return err
	}
	if err := a.print(r, func() {
		a.printDecision(r.Decision)
		for _, d := range r.Differences {
			a.say("  differs    %s", d)
		}
	}); err != nil {
		return err
	}
	if n := len(r.Differences); n > 0 {
		return pipeline.Faultf(pipeline.BadData,
			"replay decision %s: %d values differ from the record (recorded → again); its evidence was changed, or version %s decides otherwise than the one that recorded it", id, n, version)
	}
	if !a.json {
		a.say("\nThe same as recorded, to the byte.")
	}
	return nil
}

// findDecision looks into one log, or into those of all pipelines.
func (a *app) findDecision(id, name, file string) (agent.Recorded, error) {
	if file != "" {
		return findIn(file, id)
	}
	if name != "" {
		c, err := a.config()
		if err != nil {
			return agent.Recorded{}, err
		}
		return findIn(filepath.Join(c.Reports(name), auditLog), id)
	}
	names, path, err := a.logs()
	if err != nil {
		return agent.Recorded{}, err
	}
	errs := []error{fmt.Errorf("decision %s is in none of the logs of %v", id, names)}
	for _, n := range names {
		rec, err := findIn(path[n], id)
		if err == nil {
			return rec, nil
		}
		errs = append(errs, err)
	}
	return agent.Recorded{}, errors.Join(errs...)
}

func findIn(path, id string) (agent.Recorded, error) {
	f, err := openLog(path)
	if err != nil {
		return agent.Recorded{}, err
	}
	defer func() { _ = f.Close() }() // only read
	rec, err := agent.FindDecision(f, id)
	if err != nil {
		return rec, fmt.Errorf("look into %s: %w", path, err)
	}
	return rec, nil
}

// readPolicy reads a policy from a pipeline file, or from one of its own.
func (a *app) readPolicy(file string) (agent.Policy, error) {
	c, err := a.config()
	if err != nil {
		return agent.Policy{}, err
	}
	return c.ReadPolicy(file)
}
