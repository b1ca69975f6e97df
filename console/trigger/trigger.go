// Package trigger starts runs when other programs say that there is something
// new: a webhook, and what a notification's formats mean. Who calls has a token
// of the role operator, or signs; the same key starts one run.
package trigger

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/problem"
)

// maxBody bounds a call's body, in bytes.
const maxBody = 256 << 10

// The ways by which runs say that they were triggered.
const (
	ViaHook  = "hook"
	ViaTopic = "topic"
)

// Config is what the webhook needs to know.
type Config struct {
	Secret string // TRIGGER_SECRET; empty: only tokens are let in
	Log    *slog.Logger
}

// Answer says which run a call has started, or which one its key did before.
type Answer struct {
	console.Started
	Pipeline string `json:"pipeline"`
	Key      string `json:"key,omitempty"` // as it stands in the workflow's ID
	New      bool   `json:"new"`           // this call started it
}

type hook struct {
	desk   *console.Desk
	config Config
	seen   seen
}

// New serves POST /hooks/{pipeline}. It answers 202 with the run that was
// started, 200 with that of an earlier call with the same key, and problem
// documents.
func New(desk *console.Desk, c Config) http.Handler {
	h := &hook{desk: desk, config: c, seen: seen{until: map[string]time.Time{}}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks/{pipeline}", h.serve)
	mux.HandleFunc("/hooks/{pipeline}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		problem.Write(w, r, http.StatusMethodNotAllowed, "a run is started by POST")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, http.StatusNotFound, "POST to /hooks/<pipeline>")
	})
	return mux
}

func (h *hook) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		bodyProblem(w, r, err)
		return
	}
	by, signature, ok := h.who(w, r, body)
	if !ok {
		return
	}
	answer, err := h.start(r, by, body)
	if err != nil {
		h.seen.forget(signature) // the sender may try the same again
		h.config.Log.Warn("start a run by the webhook", "pipeline", r.PathValue("pipeline"), "by", by.Name, "error", err)
		problem.Error(w, r, err)
		return
	}
	status := http.StatusOK
	if answer.New {
		status = http.StatusAccepted
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // who asked is gone if this fails
}

func bodyProblem(w http.ResponseWriter, r *http.Request, err error) {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		problem.Write(w, r, http.StatusRequestEntityTooLarge, "the body has more than 256 KiB; send the id alone")
		return
	}
	problem.Write(w, r, http.StatusBadRequest, "the body ended early")
}

// who is the person whose token it is, or whoever knows the secret. ok is unset
// if the call was answered already. The signature is empty unless it counted.
func (h *hook) who(w http.ResponseWriter, r *http.Request, body []byte) (by console.Person, signature string, ok bool) {
	if s := access.From(r.Context()); s.Name != "" {
		by = s.Person
		by.Via = ViaHook
		return by, "", true
	}
	signature = r.Header.Get(HeaderSignature)
	if !verify(h.config.Secret, r.Header.Get(HeaderTimestamp), signature, body, h.desk.Now()) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		problem.Write(w, r, http.StatusUnauthorized,
			"this takes a token of the role operator, or a signature of the last five minutes by TRIGGER_SECRET in "+HeaderSignature+"; see docs/triggers.md")
		return by, "", false
	}
	switch fresh, room := h.seen.use(signature, h.desk.Now()); {
	case !fresh:
		problem.Write(w, r, http.StatusConflict, "this signature was used already: sign each call with its own time")
		return by, "", false
	case !room:
		w.Header().Set("Retry-After", "60")
		problem.Write(w, r, http.StatusTooManyRequests, "too many signed calls within five minutes")
		return by, "", false
	}
	return console.Person{Name: "webhook", Role: console.Operator, Via: ViaHook}, signature, true
}

func (h *hook) start(r *http.Request, by console.Person, body []byte) (Answer, error) {
	key, err := keyOf(r.Header, body)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Pipeline: r.PathValue("pipeline"), Key: key, New: true}
	a.Started, err = h.desk.Run(r.Context(), by, a.Pipeline, key)
	if errors.Is(err, console.ErrConflict) {
		a.New, err = false, nil
	}
	return a, err
}

// keyOf is the header's key, or the event's own.
func keyOf(header http.Header, body []byte) (string, error) {
	if id := header.Get("Idempotency-Key"); id != "" {
		return idKey(id)
	}
	e, err := Read(func(name string) string { return header.Get("Ce-" + name) }, body)
	return e.Key, err
}
