package access

import (
	"math"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/time/rate"
)

// How often somebody may ask, and may be wrong, each second and at once.
const (
	asksRate, asksBurst   = 20, 200
	failsRate, failsBurst = 0.1, 10
)

// maxKnown bounds the memory of who asked.
const maxKnown = 10_000

// limiter slows down those who ask too often, each by a name.
type limiter struct {
	rate  rate.Limit
	burst int

	mu    sync.Mutex
	known map[string]*rate.Limiter
}

func newLimiter(r rate.Limit, burst int) *limiter {
	return &limiter{rate: r, burst: burst, known: map[string]*rate.Limiter{}}
}

// allow counts one request. If it is one too many it sets Retry-After, in
// seconds.
func (l *limiter) allow(w http.ResponseWriter, who string) bool {
	res := l.of(who).Reserve()
	wait := res.Delay()
	if wait == 0 {
		return true
	}
	res.Cancel()
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return false
}

func (l *limiter) of(who string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k, ok := l.known[who]; ok {
		return k
	}
	if len(l.known) >= maxKnown {
		l.forget()
	}
	k := rate.NewLimiter(l.rate, l.burst)
	l.known[who] = k
	return k
}

// forget drops those who haven't asked for a while; if all have, everybody
// starts anew.
func (l *limiter) forget() {
	for who, k := range l.known {
		if k.Tokens() >= float64(l.burst) {
			delete(l.known, who)
		}
	}
	if len(l.known) >= maxKnown {
		clear(l.known)
	}
}
