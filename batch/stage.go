package batch

import (
	"container/list"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// maxOpenDates is how many event dates are written to at once.
const maxOpenDates = 32

// noDate is the key of rows without an event time.
const noDate = int32(-1 << 31)

// nullPartition is Hive's name for rows whose partition column is null.
const nullPartition = "event_date=__HIVE_DEFAULT_PARTITION__"

// stage writes a shard's files: clean rows by event date, rejects by kind.
// What is open is bounded by count and by memory, and settled by the order of
// the rows alone, so that the same rows give the same files.
type stage struct {
	disk    disk
	dir     string
	byDate  bool // clean files are partitioned
	memory  int64
	layout  *layout
	files   []pipeline.File
	open    map[int32]*list.Element // by event day, of *dateFile
	recent  *list.List              // front is the latest used
	parts   map[int32]int           // files so far, by event day
	rejects map[pipeline.FileKind]*rejectFile
}

type dateFile struct {
	day  int32
	file *parquetFile
}

func newStage(d disk, dir string, clean *layout, byDate bool, memory int64) *stage {
	return &stage{
		disk: d, dir: dir, byDate: byDate, memory: memory, layout: clean,
		open: map[int32]*list.Element{}, recent: list.New(), parts: map[int32]int{},
		rejects: map[pipeline.FileKind]*rejectFile{},
	}
}

// clean appends rows of one event day, which are in (partition, offset) order.
func (s *stage) clean(day int32, cols []column, rows []int32) error {
	f, err := s.dateFile(day, cols, rows)
	if err != nil {
		return err
	}
	if err := f.write(cols, rows); err != nil {
		return err
	}
	return s.relieve()
}

func (s *stage) dateFile(day int32, cols []column, rows []int32) (*parquetFile, error) {
	if e, ok := s.open[day]; ok {
		s.recent.MoveToFront(e)
		return e.Value.(*dateFile).file, nil
	}
	if s.recent.Len() >= maxOpenDates {
		if err := s.close(s.recent.Back()); err != nil {
			return nil, err
		}
	}
	name, part := s.names(day)
	path := filepath.Join(s.dir, fmt.Sprintf("clean-%s-%d.parquet", name, s.parts[day]))
	f, err := s.disk.newParquetFile(path, pipeline.CleanFile, part, s.layout, cols, rows)
	if err != nil {
		return nil, err
	}
	s.parts[day]++
	s.open[day] = s.recent.PushFront(&dateFile{day, f})
	return f, nil
}

func (s *stage) names(day int32) (name, part string) {
	if day != noDate {
		name = dayText(int64(day))
		part = "event_date=" + name
	} else {
		name = "none"
		part = nullPartition
	}
	if !s.byDate {
		part = ""
	}
	return name, part
}

func (s *stage) close(e *list.Element) error {
	d := s.recent.Remove(e).(*dateFile)
	delete(s.open, d.day)
	ref, err := d.file.finish()
	if err != nil {
		return err
	}
	s.files = append(s.files, ref)
	return nil
}

// relieve ends row groups, the largest first, until half of the memory is free.
func (s *stage) relieve() error {
	for {
		var total int64
		var largest *parquetFile
		for e := s.recent.Front(); e != nil; e = e.Next() {
			largest = larger(largest, e.Value.(*dateFile).file)
			total += e.Value.(*dateFile).file.buffered
		}
		for _, kind := range rejectKinds {
			if r := s.rejects[kind]; r != nil {
				largest = larger(largest, r.file)
				total += r.file.buffered
			}
		}
		if total <= s.memory/2 {
			return nil
		}
		if err := largest.flush(); err != nil {
			return err
		}
	}
}

func larger(a, b *parquetFile) *parquetFile {
	if a == nil || b.buffered > a.buffered {
		return b
	}
	return a
}

// finish closes everything and returns the files, ordered by path.
func (s *stage) finish() ([]pipeline.File, error) {
	for s.recent.Len() > 0 {
		if err := s.close(s.recent.Back()); err != nil {
			return nil, err
		}
	}
	for _, kind := range rejectKinds {
		r := s.rejects[kind]
		if r == nil {
			continue
		}
		if err := r.write(s); err != nil {
			return nil, err
		}
		delete(s.rejects, kind)
		ref, err := r.file.finish()
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, ref)
	}
	slices.SortFunc(s.files, func(a, b pipeline.File) int { return strings.Compare(a.Path, b.Path) })
	if err := syncDir(s.dir); err != nil {
		return nil, err
	}
	return s.files, nil
}

// abandon removes what isn't finished. After finish there is nothing left.
func (s *stage) abandon() {
	for e := s.recent.Front(); e != nil; e = e.Next() {
		e.Value.(*dateFile).file.abandon()
	}
	for _, r := range s.rejects {
		r.file.abandon()
	}
}
