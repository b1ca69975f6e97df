package agent

import "time"

// PersonRequest is the body of a request entry: who asked for what. It is
// recorded before anything is done, so what was refused afterwards stands there
// too.
type PersonRequest struct {
	ID       string `json:"id"`
	Pipeline string `json:"pipeline"`
	By       string `json:"by"`
	Role     string `json:"role"`
	Via      string `json:"via"`    // console, api, slack, hook
	What     string `json:"what"`   // release, replay, discard, close, acknowledge, run, pause, resume, …
	Target   string `json:"target"` // incident, batch, pipeline or key
	Detail   any    `json:"detail,omitempty"`
}

// Request records what a person asked for.
func (l *AuditLog) Request(r PersonRequest, at time.Time) error {
	return l.append(KindRequest, r.ID, at, r)
}
