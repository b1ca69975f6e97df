package batch

import (
	"cmp"
	"slices"
)

// sorter parts a chunk's rows: suspects, and clean rows by event day.
type sorter struct {
	suspects []int32
	groups   []dayRows
	index    map[int32]int // of groups, by day
}

// dayRows are the clean rows of one event day, in order.
type dayRows struct {
	day  int32
	rows []int32
}

// sort fills in suspects and groups. A row is suspect if a field left the
// schema or a rule that counts was broken; groups are ordered by day.
func (s *sorter) sort(p *pass) {
	s.suspects = s.suspects[:0]
	s.clear()
	faults, findings := p.dec.faults, p.findings
	for row := range int32(p.chunk.rows()) {
		suspect := false
		for ; len(faults) > 0 && faults[0].row == row; faults = faults[1:] {
			suspect = true
		}
		for ; len(findings) > 0 && findings[0].Row == row; findings = findings[1:] {
			suspect = suspect || p.prog.Counts(int(findings[0].Expectation))
		}
		if suspect {
			s.suspects = append(s.suspects, row)
		} else {
			s.add(p.chunk.day(p.event, int(row)), row)
		}
	}
	s.order()
}

// day is a row's event day, or noDate.
func (c *chunk) day(event, row int) int32 {
	if event < 0 || !c.cols[event].valid[row] {
		return noDate
	}
	return dayOf(c.cols[event].ints64[row])
}

func (s *sorter) clear() {
	s.groups = s.groups[:0]
	s.index = make(map[int32]int, 4)
}

func (s *sorter) add(day, row int32) {
	last := len(s.groups) - 1
	if last >= 0 && s.groups[last].day == day {
		s.groups[last].rows = append(s.groups[last].rows, row)
		return
	}
	i, ok := s.index[day]
	if !ok {
		i = len(s.groups)
		s.index[day] = i
		s.groups = append(s.groups, dayRows{day: day})
	}
	s.groups[i].rows = append(s.groups[i].rows, row)
}

func (s *sorter) order() {
	slices.SortFunc(s.groups, func(a, b dayRows) int { return cmp.Compare(a.day, b.day) })
}
