// Package crashpoint ends or freezes a process at a named point of its work,
// when a test in another process says so. Programs link it only if they are
// built with the tag crashpoints.
//
// The two processes share a folder. The test gives one Order there; whichever
// process passes the ordered point takes the order away and sends itself the
// signal. Every point that is passed is written to a file, so that a test can
// find out which points there are.
package crashpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Order says where, how and when a process is to be struck.
type Order struct {
	ID     string         `json:"id"` // tells it from the last one
	Point  string         `json:"point"`
	Nth    int            `json:"nth"`    // time that one process passes the point, counted from 1
	Signal syscall.Signal `json:"signal"` // SIGKILL or SIGSTOP
}

func orderPath(dir string) string { return filepath.Join(dir, "order.json") }
func tracePath(dir string) string { return filepath.Join(dir, "passed.txt") }

// Give leaves an order in dir, in place of the last one.
func Give(dir string, o Order) error {
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	tmp := orderPath(dir) + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("give the order to crash at %q: %w", o.Point, err)
	}
	return os.Rename(tmp, orderPath(dir))
}

// Pending reports whether nobody has taken the order yet.
func Pending(dir string) bool {
	_, err := os.Stat(orderPath(dir))
	return err == nil
}

// Withdraw takes the order back, if it is still there.
func Withdraw(dir string) error {
	if err := os.Remove(orderPath(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Passed lists the points that were passed since the last call, in order.
func Passed(dir string) ([]string, error) {
	b, err := os.ReadFile(tracePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n"), os.Remove(tracePath(dir))
}

// Points is a process's side. It is safe for concurrent use.
type Points struct {
	dir string
	hit func(syscall.Signal)

	mu     sync.Mutex
	order  string // its ID
	passed int    // times that this process came by the ordered point
}

// New follows the orders in dir.
func New(dir string) *Points { return &Points{dir: dir, hit: strike} }

// strike sends the signal to this process and waits for it to arrive.
func strike(s syscall.Signal) {
	_ = syscall.Kill(os.Getpid(), s) // always allowed
	if s == syscall.SIGKILL {
		select {}
	}
}

// Here says that the process is at a point. A folder that can't be used is a
// panic: a test that strikes nothing would pass.
func (p *Points) Here(point string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.trace(point); err != nil {
		panic(fmt.Sprintf("crashpoint %q: %v", point, err))
	}
	b, err := os.ReadFile(orderPath(p.dir))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var o Order
	if err == nil {
		err = json.Unmarshal(b, &o)
	}
	if err != nil {
		panic(fmt.Sprintf("crashpoint %q: %v", point, err))
	}
	if o.Point != point {
		return
	}
	if o.ID != p.order {
		p.order, p.passed = o.ID, 0
	}
	if p.passed++; p.passed < o.Nth {
		return
	}
	if os.Remove(orderPath(p.dir)) == nil { // otherwise another process has taken it
		p.hit(o.Signal)
	}
}

func (p *Points) trace(point string) error {
	f, err := os.OpenFile(tracePath(p.dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(point + "\n")
	return errors.Join(err, f.Close())
}
