package sinktest

import (
	"os"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

var validationTests = map[string]func(*suite){
	"a large batch validates":                     largeBatch,
	"a flipped byte is noticed":                   damaged("a flipped byte", flip),
	"a missing file is noticed":                   damaged("a missing file", remove),
	"a row too many is noticed":                   damaged("a row too many", oneRowMore),
	"an emptied file is noticed":                  damaged("an emptied file", empty),
	"statistics that weren't met are noticed":     wrongStatistics,
	"a receipt whose rows aren't there is caught": wrongRows,
}

func largeBatch(s *suite) {
	_, r := s.loadNext(6000)
	s.wantValid(r, 9600, 2400)
}

func flip(s *suite, path string) {
	s.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	data[len(data)/3] ^= 0x10
	if err := os.WriteFile(path, data, 0o644); err != nil {
		s.Fatal(err)
	}
}

func remove(s *suite, path string) {
	s.Helper()
	if err := os.Remove(path); err != nil {
		s.Fatal(err)
	}
}

func empty(s *suite, path string) {
	s.Helper()
	if err := os.Truncate(path, 0); err != nil {
		s.Fatal(err)
	}
}

// oneRowMore replaces a file by a sound one with other rows.
func oneRowMore(s *suite, path string) {
	s.Helper()
	var places []Place
	for off := range int64(100) {
		places = append(places, Place{0, off})
	}
	other := WriteClean(s, filepath.Join(s.dir, "more.parquet"), Schema(), "", places)
	if err := os.Rename(other.Path, path); err != nil {
		s.Fatal(err)
	}
}

// damaged damages the table in one way, by the harness's own means or in its
// first data file.
func damaged(name string, damage func(*suite, string)) func(*suite) {
	return func(s *suite) {
		own := s.h.Damage[name]
		if own == nil && s.h.DataFiles == nil {
			s.Skipf("this table can't have %s", name)
		}
		_, r := s.loadNext(50)
		s.wantValid(r, 80, 20)
		file := ""
		if own != nil {
			if err := own(); err != nil {
				s.Fatal(err)
			}
		} else {
			files, err := s.h.DataFiles()
			if err != nil || len(files) == 0 {
				s.Fatalf("the table has data files %v, %v", files, err)
			}
			file = files[0]
			damage(s, file)
		}
		v, err := s.sink.Validate(s.Context(), r)
		if err != nil {
			s.Fatal(err)
		}
		if len(v.Problems) == 0 {
			s.Error("the damage went unnoticed")
		}
		for _, p := range v.Problems {
			if p.What == "" || file != "" && p.File != file {
				s.Errorf("problem %+v doesn't say what is wrong with %q", p, file)
			}
		}
	}
}

// wrongStatistics checks that validation compares what it reads: a receipt
// that differs in one statistic must give just that problem.
func wrongStatistics(s *suite) {
	_, r := s.loadNext(50)
	for what, change := range map[string]func(*pipeline.ColumnStat){
		"null count": func(c *pipeline.ColumnStat) { c.Nulls++ },
		"min":        func(c *pipeline.ColumnStat) { c.Min += "0" },
		"max":        func(c *pipeline.ColumnStat) { c.Max += "0" },
		"checksum":   func(c *pipeline.ColumnStat) { c.Sum++ },
	} {
		for i := range r.Table[0].Columns {
			good := r.Table[0].Columns[i]
			change(&r.Table[0].Columns[i])
			s.wantProblem(r, good.Name, what)
			r.Table[0].Columns[i] = good
		}
		good := r.Quarantine[0].Columns[1]
		change(&r.Quarantine[0].Columns[1])
		s.wantProblem(r, good.Name, what)
		r.Quarantine[0].Columns[1] = good
	}
	s.wantValid(r, 80, 20)
}

func wrongRows(s *suite) {
	_, r := s.loadNext(50)
	r.Table[1].Rows++
	s.wantProblem(r, "", "row count")
}

func (s *suite) wantProblem(r sink.Receipt, column, what string) {
	s.Helper()
	v, err := s.sink.Validate(s.Context(), r)
	if err != nil {
		s.Fatal(err)
	}
	if len(v.Problems) != 1 || v.Problems[0].Column != column || v.Problems[0].What != what {
		s.Errorf("problems are %+v, want one with the %s of column %q", v.Problems, what, column)
	}
}
