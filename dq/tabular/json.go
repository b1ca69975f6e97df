package tabular

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// openJSON finds the columns of a file of JSON objects, one after the other or
// in one list, by reading all of it. Columns come in the order in which their
// names do.
func openJSON(path string) (source, error) {
	f := &textFile{name: path}
	at := map[string]int{}
	f.rows = func(in io.Reader, fn func([]cell) error) error { return f.jsonRows(in, at, fn) }
	var found []jsonKinds
	err := f.with(func(in io.Reader) error {
		return objects(in, func(o dq.Object) error {
			for _, field := range o {
				i, ok := at[field.Key]
				if !ok {
					i = len(found)
					at[field.Key] = i
					found = append(found, jsonKinds{kinds: newKinds()})
					f.shape = append(f.shape, schemas.Field{Name: field.Key, Nullable: true})
				}
				found[i].observeValue(field.Value)
			}
			return nil
		})
	})
	for i := range found {
		f.shape[i].Type = found[i].columnType()
	}
	if err == nil && len(f.shape) == 0 {
		err = errors.New("it has no JSON object with a field")
	}
	return f, err
}

// jsonKinds are what a column's values are in JSON.
type jsonKinds struct {
	kinds
	text, number, truth, nested bool
}

func (k *jsonKinds) observeValue(v any) {
	switch v := v.(type) {
	case nil:
	case bool:
		k.truth = true
	case json.Number:
		k.number = true
		k.observe(v.String())
	case string:
		k.text = true
	default:
		k.nested = true
	}
}

// columnType of values of several kinds is text.
func (k *jsonKinds) columnType() schemas.Type {
	several := 0
	for _, is := range []bool{k.text, k.number, k.truth, k.nested} {
		if is {
			several++
		}
	}
	switch {
	case several == 0:
		return schemas.Double
	case several > 1 || k.text:
		return schemas.String
	case k.truth:
		return schemas.Boolean
	case k.nested:
		return schemas.JSON
	case k.integer:
		return schemas.Long
	}
	return schemas.Double
}

func (f *textFile) jsonRows(in io.Reader, at map[string]int, fn func([]cell) error) error {
	cells := make([]cell, len(f.shape))
	return objects(in, func(o dq.Object) error {
		clear(cells)
		for _, field := range o {
			i, ok := at[field.Key]
			if !ok {
				return errChanged
			}
			text, err := jsonText(field.Value)
			if err != nil {
				return err
			}
			cells[i] = cell{text, field.Value != nil}
		}
		return fn(cells)
	})
}

// jsonText is a value as a cell has it: a text without quotes, anything else as
// JSON.
func jsonText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// objects gives the objects of a stream, or of one list.
func objects(in io.Reader, fn func(dq.Object) error) error {
	counted := &lineCounter{in: in}
	dec := json.NewDecoder(counted)
	list := false
	for n := 1; ; n++ {
		var o dq.Object
		if n == 1 {
			first, err := firstByte(dec, counted)
			if err != nil {
				return err
			}
			if list = first == '['; list {
				_, _ = dec.Token() // the bracket that was seen
			}
		}
		if list && !dec.More() {
			return nil
		}
		err := dec.Decode(&o)
		switch {
		case errors.Is(err, io.EOF) && !list:
			return nil
		case err != nil:
			return fmt.Errorf("line %d, object %d: %w", counted.lineOf(dec.InputOffset()), n, err)
		case o == nil:
			return fmt.Errorf("line %d: null is no object", counted.lineOf(dec.InputOffset()))
		}
		if err := fn(o); err != nil {
			return err
		}
	}
}

// firstByte looks at what the stream begins with; 0 is nothing.
func firstByte(dec *json.Decoder, in *lineCounter) (byte, error) {
	dec.More() // fills the decoder's buffer
	rest, err := io.ReadAll(io.LimitReader(dec.Buffered(), 1<<16))
	if err != nil {
		return 0, err
	}
	if rest = bytes.TrimLeft(rest, " \t\r\n"); len(rest) > 0 {
		return rest[0], nil
	}
	return 0, in.failed
}

// lineCounter remembers where lines begin that were read lately.
type lineCounter struct {
	in     io.Reader
	read   int64
	breaks []int64 // offsets of the line breaks from before on
	before int     // line breaks that were forgotten
	failed error
}

const maxBreaks = 1 << 20

// Read counts the line breaks that pass.
func (l *lineCounter) Read(b []byte) (int, error) {
	n, err := l.in.Read(b)
	for i := range n {
		if b[i] == '\n' {
			l.breaks = append(l.breaks, l.read+int64(i))
		}
	}
	l.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		l.failed = err
	}
	if len(l.breaks) > maxBreaks {
		l.before += len(l.breaks) / 2
		l.breaks = append([]int64{}, l.breaks[len(l.breaks)/2:]...)
	}
	return n, err
}

func (l *lineCounter) lineOf(offset int64) int {
	line := 1 + l.before
	for _, at := range l.breaks {
		if at >= offset {
			break
		}
		line++
	}
	return line
}
