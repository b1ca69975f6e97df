package pages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/autonomous-data-pipeline/adp/ops"
)

// How live pages are served.
const (
	pollEvery    = 2 * time.Second  // one look for all listeners
	beatEvery    = 15 * time.Second // so that proxies don't take a quiet connection for a dead one
	maxListeners = 200
)

// watcher tells listeners that something has changed. It looks only while
// somebody listens.
type watcher struct {
	look func(ctx context.Context) (string, error) // a digest of what pages show

	mu        sync.Mutex
	listeners map[chan struct{}]bool
	stop      context.CancelFunc
}

// listen gives a channel that hears of changes until leave is called. With too
// many listeners ok is false.
func (w *watcher) listen() (changed chan struct{}, leave func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.listeners) >= maxListeners {
		return nil, nil, false
	}
	changed = make(chan struct{}, 1)
	if w.listeners == nil {
		w.listeners = map[chan struct{}]bool{}
	}
	w.listeners[changed] = true
	if len(w.listeners) == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		w.stop = cancel
		// What changes from now on is told: the first look is taken before
		// anybody is greeted. If it can't be had, the next one is a change.
		first, _ := w.look(ctx)
		go w.watch(ctx, first)
	}
	return changed, func() { w.leave(changed) }, true
}

func (w *watcher) leave(c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.listeners, c)
	if len(w.listeners) == 0 {
		w.stop()
	}
}

func (w *watcher) watch(ctx context.Context, last string) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now, err := w.look(ctx); err == nil && now != last {
			last = now
			w.tell()
		}
	}
}

// tell doesn't wait: one who hasn't heard of the last change yet hears of both.
func (w *watcher) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.listeners {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// digest says in a few bytes what pages would show.
func (p *Site) digest(ctx context.Context) (string, error) {
	runs, err := p.desk.Ops.Runs(ctx, ops.RunQuery{Limit: 20})
	if err != nil {
		return "", err
	}
	incidents, err := p.desk.Ops.Incidents(ctx, ops.IncidentQuery{Limit: 100})
	if err != nil {
		return "", err
	}
	seen := sha256.New()
	for _, r := range runs {
		_, _ = fmt.Fprintln(seen, r.RunID, r.Outcome, r.Incident)
	}
	for _, i := range incidents {
		_, _ = fmt.Fprintln(seen, i.ID, i.Status, i.Count, len(i.Timeline))
	}
	names, err := p.desk.Config.Names()
	if err != nil {
		return "", err
	}
	for _, n := range names {
		s, err := p.desk.Ops.Switch(ctx, n)
		if err != nil {
			return "", err
		}
		_ = json.NewEncoder(seen).Encode(s)
	}
	return hex.EncodeToString(seen.Sum(nil)), nil
}

// events tells a page, by server-sent events, that what it shows has changed:
// what, the page asks for itself.
func (p *Site) events(w http.ResponseWriter, r *http.Request) {
	changed, leave, ok := p.watcher.listen()
	if !ok {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many live pages; this one shows what was", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy that collects would make it late
	send := http.NewResponseController(w)
	// A session may end while its page is open: its browser comes again, and
	// is asked who it is.
	over := time.NewTimer(time.Hour)
	defer over.Stop()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for text := "retry: 3000\n: hello\n\n"; ; {
		if _, err := io.WriteString(w, text); err != nil || send.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-over.C:
			return
		case <-beat.C:
			text = ": still here\n\n"
		case <-changed:
			text = "event: changed\ndata: {}\n\n"
		}
	}
}
