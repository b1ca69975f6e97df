package dq

import "path/filepath"

// spillIfNeeded moves values to disk, the largest holder first, until half of
// the memory is free again.
func (p *Profile) spillIfNeeded() error {
	if p.how.Memory <= 0 || p.how.Dir == "" || p.held() <= p.how.Memory {
		return nil
	}
	for p.held() > p.how.Memory/2 {
		if err := p.spillLargest(); err != nil {
			return err
		}
	}
	return nil
}

// held is how much memory the values take, in bytes, about.
func (p *Profile) held() int64 {
	var n int64
	for _, f := range p.facts {
		if f.Values != nil {
			n += f.Values.bytes
		}
	}
	for _, x := range p.indexes {
		n += x.held * heldBytes
	}
	return n
}

func (p *Profile) spillLargest() error {
	fact, least := -1, int64(0)
	for i, f := range p.facts {
		if f.Values != nil && f.Values.bytes > least {
			fact, least = i, f.Values.bytes
		}
	}
	expectation := -1
	for _, i := range p.program.Late() {
		if x := p.indexes[i]; x != nil && x.held*heldBytes > least {
			expectation, least = i, x.held*heldBytes
		}
	}
	if expectation >= 0 {
		return p.spillIndex(expectation)
	}
	return p.spillValues(fact)
}

func (p *Profile) spillIndex(expectation int) error {
	p.spilled++
	return p.indexes[expectation].spill(p.how.Dir, runName("unique", expectation, p.spilled))
}

func (p *Profile) spillValues(fact int) error {
	v := p.facts[fact].Values
	p.spilled++
	name := runName("values", fact, p.spilled)
	if err := writeRun(filepath.Join(p.how.Dir, name), v.sorted()); err != nil {
		return err
	}
	v.Runs, v.dirs = append(v.Runs, name), append(v.dirs, p.how.Dir)
	v.reset()
	return nil
}

// Spill moves all values to the profile's folder, so that MarshalJSON, which
// names the files, says everything.
func (p *Profile) Spill() error {
	if p.broken != nil {
		return p.broken
	}
	for i, f := range p.facts {
		if f.Values != nil && f.Values.bytes > 0 {
			if err := p.spillValues(i); err != nil {
				return err
			}
		}
	}
	for _, i := range p.program.Late() {
		if x := p.indexes[i]; x != nil && x.held > 0 {
			if err := p.spillIndex(i); err != nil {
				return err
			}
		}
	}
	return nil
}
