package agent

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// EntryKind says what an audit entry records.
type EntryKind string

// The kinds of audit entry.
const (
	KindDecision EntryKind = "decision" // facts, policy and decision
	KindExecuted EntryKind = "executed" // what was done, and what reading back showed
	KindAnswer   EntryKind = "answer"   // a person's resolution of an incident
	KindShadow   EntryKind = "shadow"   // what another proposer would have done
	KindSwitch   EntryKind = "switch"   // a person turned the kill switch
	KindRequest  EntryKind = "request"  // what a person asked for by console, API or chat
)

// Kinds are the kinds of audit entry, in the order in which a run writes them.
var Kinds = []EntryKind{KindDecision, KindShadow, KindExecuted, KindAnswer, KindSwitch, KindRequest}

// Entry is one line of the decision log. Hash is the SHA-256 of the line
// without it, and Prev is the line before's, so no line can be changed,
// dropped or inserted unnoticed.
type Entry struct {
	Seq  int64           `json:"seq"` // from 1
	At   time.Time       `json:"at"`
	Kind EntryKind       `json:"kind"`
	ID   string          `json:"id"` // decision, incident or switch: with Kind, it makes a repeat harmless
	Body json.RawMessage `json:"body"`
	Prev string          `json:"prev"`
	Hash string          `json:"hash,omitempty"`
}

// Recorded is the body of a decision entry: all that it takes to make the
// decision again.
type Recorded struct {
	Decision Decision `json:"decision"`
	Facts    Facts    `json:"facts"`
	Policy   Policy   `json:"policy"`

	raw json.RawMessage // the decision, to the byte; set by reading
}

// AuditLog appends to one decision log. Several processes may append to the
// same file.
type AuditLog struct {
	path string

	mu    sync.Mutex
	file  os.FileInfo     // the file that was read
	at    int64           // and up to where
	known map[string]bool // entries up to there, by kind and ID
	seq   int64
	head  string
}

var (
	openLogs   = map[string]*AuditLog{}
	openLogsMu sync.Mutex
)

// OpenAudit gives the log at a path, the same one for every caller in this
// process. Nothing is opened before the first append.
func OpenAudit(path string) *AuditLog {
	openLogsMu.Lock()
	defer openLogsMu.Unlock()
	key, err := filepath.Abs(path)
	if err != nil {
		key = path
	}
	if openLogs[key] == nil {
		openLogs[key] = &AuditLog{path: path, known: map[string]bool{}}
	}
	return openLogs[key]
}

// Decision records a decision with what it was made from.
func (l *AuditLog) Decision(d Decision, f Facts, p Policy) error {
	return l.append(KindDecision, d.ID, d.At, Recorded{Decision: d, Facts: f, Policy: p})
}

// Executed records what came of a decision.
func (l *AuditLog) Executed(e Executed, at time.Time) error {
	return l.append(KindExecuted, e.Decision, at, e)
}

// Answer records a person's resolution.
func (l *AuditLog) Answer(r pipeline.Resolution, at time.Time) error {
	return l.append(KindAnswer, r.Incident, at, r)
}

// Head is the log's end, as this process last saw it: after an append, that
// entry or a later one.
func (l *AuditLog) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Head{Seq: l.seq, Hash: l.head}
}

func (l *AuditLog) append(kind EntryKind, id string, at time.Time, body any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	raw, err := json.Marshal(body)
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode an entry of the decision log %s: %w", l.path, err)
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return pipeline.Misconfiguredf("DATA_DIR", "make the folder of the decision log: %w", err)
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return pipeline.Misconfiguredf("DATA_DIR", "open the decision log: %w", err)
	}
	// Closing also gives the lock back.
	if err := errors.Join(l.appendTo(f, Entry{At: at.UTC(), Kind: kind, ID: id, Body: raw}), f.Close()); err != nil {
		return pipeline.Faultf(pipeline.KindOf(err), "append to the decision log %s: %w", l.path, err)
	}
	return nil
}

func (l *AuditLog) appendTo(f *os.File, e Entry) error {
	if err := lock(f); err != nil {
		return fmt.Errorf("lock it: %w", err)
	}
	if err := l.catchUp(f); err != nil {
		return err
	}
	if l.known[string(e.Kind)+e.ID] {
		return f.Sync() // an earlier attempt wrote it, but may have died before this
	}
	e.Seq, e.Prev = l.seq+1, l.head
	line, err := seal(&e)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(line, l.at); err != nil {
		// A half-written line is found and set aside by the next append.
		return fmt.Errorf("write: %w; if the disk is full, free space (setting: DATA_DIR)", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if l.at == 0 {
		if err := syncDir(l.path); err != nil {
			return err
		}
	}
	l.take(e, int64(len(line)))
	return nil
}

// lock waits for the other processes.
func lock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// syncDir makes a new file's name last.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}

func (l *AuditLog) take(e Entry, n int64) {
	l.at += n
	l.seq, l.head = e.Seq, e.Hash
	l.known[string(e.Kind)+e.ID] = true
}

// catchUp reads what was appended since the last look, by any process. Bytes
// after the last whole line are what a crash left: they are kept beside the
// log, and cut off.
func (l *AuditLog) catchUp(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, l.file) { // the first look, or it was moved away since the last
		l.file, l.at, l.seq, l.head, l.known = info, 0, 0, "", map[string]bool{}
	}
	size := info.Size()
	if size < l.at {
		return pipeline.Faultf(pipeline.Bug, "it is %d bytes long and was %d: somebody cut it; restore it from a backup, or move it away", size, l.at)
	}
	r := bufio.NewReader(io.NewSectionReader(f, l.at, size-l.at))
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return l.setAside(f, line)
		}
		if err != nil {
			return err
		}
		e, err := unseal(line, l.seq, l.head)
		if err != nil {
			return pipeline.Faultf(pipeline.Bug, "%w; nothing is appended to a broken log: move it away, and keep it", err)
		}
		l.take(e, int64(len(line)))
	}
}

// setAside heals what a crash left after the last whole line. If only the end
// of the line is missing, the entry is whole; else it goes beside the log.
func (l *AuditLog) setAside(f *os.File, torn []byte) error {
	if len(torn) == 0 {
		return nil
	}
	if e, err := unseal(append(bytes.Clone(torn), '\n'), l.seq, l.head); err == nil {
		if _, err := f.WriteAt([]byte{'\n'}, l.at+int64(len(torn))); err != nil {
			return fmt.Errorf("end the line that a crash left: %w", err)
		}
		l.take(e, int64(len(torn))+1)
		return nil
	}
	if err := keep(fmt.Sprintf("%s.torn-%d", l.path, l.at), torn); err != nil {
		return fmt.Errorf("keep the torn line that a crash left: %w", err)
	}
	return f.Truncate(l.at)
}

// keep appends: a second crash at the same place leaves a second piece.
func keep(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close(), syncDir(path))
}

// seal computes the entry's hash and gives its line.
func seal(e *Entry) ([]byte, error) {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	h := sha256.Sum256(b)
	e.Hash = hex.EncodeToString(h[:])
	if b, err = json.Marshal(e); err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// unseal reads a line and checks that it is, to the byte, the one that follows
// (seq, prev).
func unseal(line []byte, seq int64, prev string) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("entry %d can't be read: %w", seq+1, err)
	}
	if e.Seq != seq+1 || e.Prev != prev {
		return e, fmt.Errorf("entry %d doesn't follow entry %d: one was dropped, inserted or changed", e.Seq, seq)
	}
	again := e
	want, err := seal(&again)
	if err != nil {
		return e, fmt.Errorf("entry %d can't be checked: %w", e.Seq, err)
	}
	if again.Hash != e.Hash || !bytes.Equal(want, line) {
		return e, fmt.Errorf("entry %d was changed: its hash doesn't fit", e.Seq)
	}
	return e, nil
}

// VerifyAudit proves that a log is whole, from its first line on. It gives the
// number of good entries and the last one's hash; the error names the first
// entry that is wrong.
func VerifyAudit(r io.Reader) (n int64, head string, err error) {
	for e, err := range Entries(r) {
		if err != nil {
			return n, head, err
		}
		n, head = e.Seq, e.Hash
	}
	return n, head, nil
}

// Entries reads a log, checking the chain. The first wrong line ends it.
func Entries(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		lines := bufio.NewReader(r)
		var seq int64
		var head string
		for {
			line, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) && len(line) == 0 {
				return
			}
			if errors.Is(err, io.EOF) {
				yield(Entry{}, fmt.Errorf("entry %d is torn: the line has no end; the next append sets it aside", seq+1))
				return
			}
			var e Entry
			if err == nil {
				e, err = unseal(line, seq, head)
			}
			if !yield(e, err) || err != nil {
				return
			}
			seq, head = e.Seq, e.Hash
		}
	}
}
