package alerttest

import (
	"io"
	"net/http"
	"sync"
)

// Trouble is a way in which a channel's far end fails.
type Trouble string

// The troubles of a far end.
const (
	None        Trouble = ""
	Dropped     Trouble = "dropped"      // hangs up without an answer
	Slow        Trouble = "slow"         // takes the alert and never answers
	ServerError Trouble = "server error" // HTTP 500
	Busy        Trouble = "busy"         // HTTP 429, asking to wait for 7 seconds
	Rejected    Trouble = "rejected"     // HTTP 400
)

// Delivery is one request that a Receiver took.
type Delivery struct {
	Path   string
	Header http.Header
	Body   string
}

// Receiver is a far end that speaks HTTP. Its zero value takes every delivery;
// it is safe for concurrent use.
type Receiver struct {
	// Reply gives the answer to a delivery that it takes; nil answers 204. Set
	// it before the first delivery.
	Reply func(Delivery) (status int, body string)

	mu      sync.Mutex
	trouble Trouble
	got     []Delivery
}

// Break makes it fail from now on. None mends it.
func (r *Receiver) Break(t Trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble = t
}

// Deliveries are those that it took, oldest first.
func (r *Receiver) Deliveries() []Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Delivery(nil), r.got...)
}

// Bodies are the deliveries' bodies.
func (r *Receiver) Bodies() []string {
	var out []string
	for _, d := range r.Deliveries() {
		out = append(out, d.Body)
	}
	return out
}

// ServeHTTP takes one delivery, or is in trouble.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender hung up
	}
	d := Delivery{Path: req.URL.Path, Header: req.Header.Clone(), Body: string(body)}
	switch r.take(d) {
	case None:
		r.answer(w, d)
	case Dropped:
		panic(http.ErrAbortHandler) // how net/http is told to hang up
	case Slow:
		<-req.Context().Done()
	case ServerError:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case Busy:
		w.Header().Set("Retry-After", "7")
		http.Error(w, "busy", http.StatusTooManyRequests)
	case Rejected:
		http.Error(w, "no such room", http.StatusBadRequest)
	}
}

func (r *Receiver) answer(w http.ResponseWriter, d Delivery) {
	if r.Reply == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status, body := r.Reply(d)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the sender hung up
}

// take keeps the delivery unless there is trouble.
func (r *Receiver) take(d Delivery) Trouble {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trouble == None {
		r.got = append(r.got, d)
	}
	return r.trouble
}
