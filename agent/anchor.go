package agent

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Head is a decision log's last entry. Noted outside of the log (see Anchor),
// it shows later that the log's tail was cut off, or written anew: the chain
// alone can't.
type Head struct {
	Pipeline string `json:"pipeline"`
	Seq      int64  `json:"seq"`  // 0: nothing was appended
	Hash     string `json:"hash"` // SHA-256, in hexadecimal
}

// headDigits of a hash are 52 bits: a float64 holds them exactly.
const headDigits = 13

// Number is the hash's first 52 bits, for a gauge; 0 without a hash.
func (h Head) Number() float64 {
	n, err := strconv.ParseUint(h.Hash[:min(len(h.Hash), headDigits)], 16, 64)
	if err != nil {
		return 0
	}
	return float64(n)
}

// Anchor is a head that was noted outside of the log.
type Anchor struct {
	Head
	By string `json:"by"` // the run that noted it
}

// Proof is what holding a log against its own chain and its anchors showed.
type Proof struct {
	Entries  int64    `json:"entries"` // good ones, from the first on
	Head     string   `json:"head"`    // the last good one's hash
	Anchors  int      `json:"anchors"` // that were held against the log
	Problems []string `json:"problems,omitempty"`
}

// Prove reads a log from its first line on. The chain shows that nothing within
// was changed, dropped or inserted; the anchors that the tail is there, and is
// the one that was written. Anchors must have been read before the log.
func Prove(log io.Reader, anchors []Anchor) Proof {
	p := Proof{Anchors: len(anchors)}
	at := map[int64][]Anchor{}
	for _, a := range anchors {
		at[a.Seq] = append(at[a.Seq], a)
	}
	replaced := 0
	for e, err := range Entries(log) {
		if err != nil {
			p.Problems = append(p.Problems, fmt.Sprintf("the chain is broken after %d entries: %v", p.Entries, err))
			return p // what comes after it can't be told from what was put there
		}
		p.Entries, p.Head = e.Seq, e.Hash
		i := slices.IndexFunc(at[e.Seq], func(a Anchor) bool { return a.Hash != e.Hash })
		if i < 0 {
			continue
		}
		if replaced++; replaced == 1 {
			a := at[e.Seq][i]
			p.Problems = append(p.Problems, fmt.Sprintf(
				"entry %d was replaced, or one before it: run %s anchored it with hash %s, the log has %s", e.Seq, a.By, a.Hash, e.Hash))
		}
	}
	if cut := p.cut(anchors); cut != "" {
		p.Problems = append(p.Problems, cut)
	}
	return p
}

// cut says which anchored entry beyond the log's end is the last.
func (p Proof) cut(anchors []Anchor) string {
	var last Anchor
	for _, a := range anchors {
		if a.Seq > last.Seq {
			last = a
		}
	}
	if last.Seq <= p.Entries {
		return ""
	}
	return fmt.Sprintf("the log ends at entry %d, but run %s anchored entry %d: its tail was cut", p.Entries, last.By, last.Seq)
}
