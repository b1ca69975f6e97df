package tabular

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// missing are the texts that pandas' read_csv takes for a missing value.
var missing = map[string]bool{
	"": true, "#N/A": true, "#N/A N/A": true, "#NA": true, "-1.#IND": true, "-1.#QNAN": true, "-NaN": true, "-nan": true,
	"1.#IND": true, "1.#QNAN": true, "<NA>": true, "N/A": true, "NA": true, "NULL": true, "NaN": true, "None": true,
	"n/a": true, "nan": true, "null": true,
}

// openCSV finds the columns of a file with a header, by reading all of it.
func openCSV(path string) (source, error) {
	f := &textFile{name: path}
	comma := ','
	if strings.HasSuffix(strings.TrimSuffix(strings.ToLower(path), ".gz"), ".tsv") {
		comma = '\t'
	}
	f.rows = func(in io.Reader, fn func([]cell) error) error { return f.csvRows(in, comma, fn) }
	err := f.with(func(in io.Reader) error {
		names, err := csvReader(in, comma).Read()
		if errors.Is(err, io.EOF) {
			return errors.New("it is empty: the first line must name the columns")
		}
		if err != nil {
			return err
		}
		for i, n := range names {
			if slices.Contains(names[:i], n) {
				return fmt.Errorf("its header names the column %q twice", n)
			}
			f.shape = append(f.shape, schemas.Field{Name: n, Nullable: true})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := make([]kinds, len(f.shape))
	for i := range found {
		found[i] = newKinds()
	}
	err = f.with(func(in io.Reader) error {
		return f.rows(in, func(cells []cell) error {
			for i, c := range cells {
				if c.present {
					found[i].observe(c.text)
				}
			}
			return nil
		})
	})
	for i := range found {
		f.shape[i].Type = found[i].columnType()
	}
	return f, err
}

func csvReader(in io.Reader, comma rune) *csv.Reader {
	r := csv.NewReader(in)
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = comma, true, -1
	return r
}

// csvRows gives the rows below the header. A row with too few cells lacks the
// last ones; one with too many is an error, as in pandas.
func (f *textFile) csvRows(in io.Reader, comma rune, fn func([]cell) error) error {
	r := csvReader(in, comma)
	if _, err := r.Read(); err != nil {
		return err
	}
	cells := make([]cell, len(f.shape))
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err // it has the line
		}
		if len(row) > len(cells) {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("line %d has %d cells, the header %d", line, len(row), len(cells))
		}
		for i := range cells {
			cells[i] = cell{}
			if i >= len(row) {
				continue
			}
			if !utf8.ValidString(row[i]) {
				line, _ := r.FieldPos(i)
				return fmt.Errorf("line %d: column %q is not UTF-8", line, f.shape[i].Name)
			}
			cells[i] = cell{row[i], !missing[row[i]]}
		}
		if err := fn(cells); err != nil {
			return err
		}
	}
}
