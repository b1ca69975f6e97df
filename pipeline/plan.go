package pipeline

import (
	"cmp"
	"slices"
)

// Next plans the batch after a checkpoint. log has each partition's readable
// offsets, ordered by partition and start: one range as a rule, several where
// retention took from its middle; an empty one says where the log ends. At most
// maxOffsets offsets are taken (0 is no limit), shared fairly: no partition
// waits for a longer one. gaps are the offsets that retention took before they
// were read; lag is what is left behind the batch. A partition without a
// checkpoint begins at its oldest offset. A batch ends at a hole, so that the
// checkpoint never passes one unseen.
func Next(name, topic string, cp Checkpoint, log []Range, maxOffsets int64) (b Batch, gaps []Range, lag int64, err error) {
	if err := covers(topic, cp, log); err != nil {
		return Batch{}, nil, 0, err
	}
	var todo []Range
	for len(log) > 0 {
		of := log[0].Partition
		n := 1
		for n < len(log) && log[n].Partition == of {
			n++
		}
		start, known := cp[of]
		if !known {
			start = log[0].Start
		}
		take, behind := ahead(start, log[:n])
		if start < take.Start {
			gaps = append(gaps, Range{Partition: of, Start: start, End: take.Start})
		}
		todo = append(todo, take)
		lag += take.Len() + behind
		log = log[n:]
	}
	if maxOffsets > 0 {
		share(todo, maxOffsets)
	}
	b = NewBatch(name, topic, todo)
	slices.SortFunc(gaps, func(a, b Range) int { return cmp.Compare(a.Partition, b.Partition) })
	return b, gaps, lag - b.Offsets(), nil
}

// ahead is what one partition's log has from start on: the first range, and how
// many offsets lie in those behind it.
func ahead(start int64, log []Range) (first Range, behind int64) {
	for len(log) > 1 && log[0].End <= start {
		log = log[1:]
	}
	first = log[0]
	first.Start = max(start, first.Start)
	first.End = max(first.Start, first.End)
	for _, l := range log[1:] {
		behind += l.Len()
	}
	return first, behind
}

// covers refuses a log that can't be the one that the checkpoint was made on:
// reading on would skip or double records in silence.
func covers(topic string, cp Checkpoint, log []Range) error {
	ends := make(map[int32]int64, len(log))
	for _, l := range log {
		ends[l.Partition] = max(ends[l.Partition], l.End)
	}
	for p, next := range cp {
		end, ok := ends[p]
		if !ok {
			return Misconfiguredf("source.topic / KAFKA_TOPIC",
				"plan the next batch of topic %s: the checkpoint knows partition %d, the topic has none; was it made anew, or is this another cluster?", topic, p)
		}
		if next > end {
			return Misconfiguredf("source.topic / KAFKA_TOPIC",
				"plan the next batch of topic %s: the checkpoint of partition %d is %d, beyond the log's end %d; was the topic made anew, or is this another cluster? Give the new topic a new table", topic, p, next, end)
		}
	}
	return nil
}

// share cuts the ranges so that their sum is at most limit: short ones whole,
// long ones equally.
func share(todo []Range, limit int64) {
	slices.SortFunc(todo, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Len(), b.Len()), cmp.Compare(a.Partition, b.Partition))
	})
	for i := range todo {
		fair := limit / int64(len(todo)-i)
		take := min(todo[i].Len(), fair)
		todo[i].End = todo[i].Start + take
		limit -= take
	}
}

// Subtract returns the parts of want that lie in none of out, ordered.
func Subtract(want []Range, out []Range) []Range {
	left := NewBatch("", "", want).Ranges
	for _, o := range out {
		var next []Range
		for _, w := range left {
			if w.Partition != o.Partition || o.End <= w.Start || o.Start >= w.End {
				next = append(next, w)
				continue
			}
			if o.Start > w.Start {
				next = append(next, Range{w.Partition, w.Start, o.Start})
			}
			if o.End < w.End {
				next = append(next, Range{w.Partition, o.End, w.End})
			}
		}
		left = next
	}
	return left
}

// Intersect returns the parts of a that lie in b, ordered.
func Intersect(a, b []Range) []Range {
	return Subtract(a, Subtract(a, b))
}
