package dq

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Settle works out what only the whole batch shows, once everything is merged:
// columns are judged, and rows that break a late expectation can be found by
// Look. It reads the spilled values again.
func (p *Profile) Settle() error {
	if p.broken != nil {
		return p.broken
	}
	if p.settled {
		return nil
	}
	p.late, p.outcomes = map[int]*Positions{}, map[int]outcome{}
	p.judges = map[int]func([]arrow.Array) (func(int) bool, error){}
	for i := range p.program.checks {
		if p.program.at[i] == nil || p.tallies[i].Error != "" {
			continue
		}
		if err := p.settle(i); err != nil {
			p.broken = err
			return err
		}
	}
	p.settled = true
	return nil
}

func (p *Profile) settle(i int) error {
	check, t := &p.program.checks[i], &p.tallies[i]
	if check.typed || check.order != nil {
		if err := p.program.typeError(i); err != nil {
			t.Error = err.Error()
			return nil //nolint:nilerr // the expectation fails, the others go on
		}
	}
	switch {
	case check.unique:
		found, err := p.indexes[i].duplicates()
		p.late[i] = found
		return err
	case check.order != nil:
		p.late[i] = brokenEdges(t.Edges, p.program.orderOf(i))
	case check.second != nil:
		judge, err := check.second(p.facts[p.program.factsAt[i]])
		switch {
		case isFault(err):
			return err
		case err != nil:
			t.Error = err.Error()
			return nil //nolint:nilerr // the expectation fails, the others go on
		}
		p.judges[i] = judge
	case check.column != nil:
		success, result, err := check.column(p.facts[p.program.factsAt[i]])
		if isFault(err) {
			return err
		}
		p.outcomes[i] = outcome{success, result, err}
	}
	return nil
}

// isFault tells a fault, which makes everything fail, from an expectation's own
// error, which makes it alone fail.
func isFault(err error) bool {
	var f *pipeline.Fault
	return errors.As(err, &f)
}

// NeedsLook reports whether rows must be looked at a second time: touches says
// whether they may be in a set.
func (p *Profile) NeedsLook(touches func(*Positions) bool) bool {
	if len(p.judges) > 0 {
		return true
	}
	for _, found := range p.late {
		if touches(found) {
			return true
		}
	}
	return false
}

// Look folds rows in for the expectations that are late, in any order, each row
// once, and appends a finding for each that breaks one. The chunk has
// LateColumns, and the columns that identify rows.
func (p *Profile) Look(c Chunk, findings []Finding) ([]Finding, error) {
	switch {
	case p.broken != nil:
		return findings, p.broken
	case !p.settled:
		return findings, pipeline.Faultf(pipeline.Bug, "look a second time for suite %s: it isn't settled", p.program.suite.Name)
	}
	v, err := p.program.view(c, p.columns(p.program.LateColumns()))
	defer v.release()
	if err != nil {
		p.broken = err
		return findings, err
	}
	first := len(findings)
	for i, found := range p.late {
		for row, offset := range c.Offsets {
			if found.Has(c.Partition, offset) {
				findings = p.unexpected(i, v, row, findings)
			}
		}
	}
	for i, prepare := range p.judges {
		cols := v.of(p.program.at[i])
		ok, err := prepare(cols)
		if err != nil {
			p.tallies[i].Error = err.Error()
			continue
		}
		findings = p.judge(i, v, v.masks[p.program.under[i]], judgedRows(p.program.checks[i].skip, cols), ok, findings)
	}
	sortFindings(findings[first:])
	return findings, nil
}
