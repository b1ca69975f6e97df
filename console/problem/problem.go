// Package problem answers requests that can't be served, as RFC 9457 problem
// documents.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// ContentType is a problem document's.
const ContentType = "application/problem+json"

// Document is a problem document.
type Document struct {
	Type     string `json:"type"` // always about:blank: the status says what kind it is
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"` // the path that was asked
}

// Write answers with a problem document.
func Write(w http.ResponseWriter, r *http.Request, status int, detail string) {
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// Who asked is gone if this fails.
	_ = json.NewEncoder(w).Encode(Document{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Instance: r.URL.EscapedPath(),
	})
}

// Error answers with an error of the desk.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	status, detail := Of(err)
	Write(w, r, status, detail)
}

// Of gives the status of a desk's error, and what its caller may read of it:
// of a bug nothing, since its text may hold anything.
func Of(err error) (status int, detail string) {
	switch {
	case errors.Is(err, ops.ErrNotFound):
		return http.StatusNotFound, err.Error()
	case errors.Is(err, console.ErrForbidden):
		return http.StatusForbidden, err.Error()
	case errors.Is(err, console.ErrConflict):
		return http.StatusConflict, err.Error()
	}
	switch pipeline.KindOf(err) {
	case pipeline.BadData, pipeline.Misconfigured:
		return http.StatusUnprocessableEntity, err.Error()
	case pipeline.Transient:
		return http.StatusServiceUnavailable, err.Error()
	}
	return http.StatusInternalServerError, "something is broken here; the log says what"
}
