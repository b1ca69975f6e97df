// Package api serves the REST API under /api/: what the desk knows and takes,
// as JSON. Its routes are one table, from which requests are checked and the
// OpenAPI document is made, so the two can't drift apart. It holds no rule of
// its own about pipelines, and expects access.Guard before it.
package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/problem"
)

// base is where the routes' paths begin.
const base = "/api/v1"

// API answers requests below /api/.
type API struct {
	desk *console.Desk
	log  *slog.Logger
	mux  *http.ServeMux
}

// New makes the API over a desk. What is broken here is logged, and not told to
// who asks.
func New(desk *console.Desk, log *slog.Logger) *API {
	a := &API{desk: desk, log: log, mux: http.NewServeMux()}
	byPath := map[string]map[string]route{}
	for _, r := range routes() {
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]route{}
		}
		byPath[r.path][r.method] = r
	}
	for path, methods := range byPath {
		a.mux.HandleFunc(base+path, a.methods(methods))
	}
	description := openAPI()
	a.mux.HandleFunc("/api/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		if !allowed(w, r, http.MethodGet, http.MethodHead) {
			return
		}
		send(w, http.StatusOK, description)
	})
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, http.StatusNotFound, "the API has nothing at this path; /api/openapi.json lists what there is")
	})
	return a
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// methods picks a path's route by method. HEAD is GET without the body, which
// the server leaves out.
func (a *API) methods(routes map[string]route) http.HandlerFunc {
	var known []string
	for m := range routes {
		known = append(known, m)
	}
	if slices.Contains(known, http.MethodGet) {
		known = append(known, http.MethodHead)
	}
	slices.Sort(known)
	return func(w http.ResponseWriter, r *http.Request) {
		if !allowed(w, r, known...) {
			return
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		a.serve(w, r, routes[method])
	}
}

func allowed(w http.ResponseWriter, r *http.Request, known ...string) bool {
	if slices.Contains(known, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(known, ", "))
	problem.Write(w, r, http.StatusMethodNotAllowed, "this path takes "+strings.Join(known, ", "))
	return false
}

// serve answers by one route: first who asks, then whether the request is one,
// then what it asks for.
func (a *API) serve(w http.ResponseWriter, r *http.Request, route route) {
	body, err := a.answer(w, r, route)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	status := route.status()
	if other, ok := body.(instead); ok {
		status, body = other.status, other.body
	}
	var b []byte
	if body != nil {
		if b, err = json.Marshal(body); err != nil {
			a.fail(w, r, err)
			return
		}
	}
	send(w, status, b)
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, route route) (any, error) {
	q := ask{Request: r, by: access.From(r.Context()).Person}
	if err := route.admits(q.by); err != nil {
		return nil, err
	}
	if err := acceptsJSON(r); err != nil {
		return nil, err
	}
	var err error
	if q.query, err = route.parse(r.URL.RawQuery); err != nil {
		return nil, err
	}
	if q.body, err = route.read(w, r); err != nil {
		return nil, err
	}
	return route.do(a, q)
}

// fail answers with a problem document.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, detail := problem.Of(err)
	if refused, ok := err.(refusal); ok { //nolint:errorlint // made here, and never wrapped
		status, detail = refused.status, refused.detail
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if status == http.StatusInternalServerError {
		a.log.Error("answer a request of the API", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	problem.Write(w, r, status, detail)
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Cache-Control", "no-store")
	if body == nil {
		w.WriteHeader(status)
		return
	}
	body = append(bytes.TrimSpace(body), '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // who asked is gone if this fails
}
