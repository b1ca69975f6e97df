package api

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The bodies that writes read. Who writes is never in them: it is the token's
// holder.
type (
	// AnswerBody is a person's answer to an incident.
	AnswerBody struct {
		Resolution string            `json:"resolution" enum:"release,replay,discard,close"`
		Comment    string            `json:"comment,omitempty"`
		Mapping    *pipeline.Mapping `json:"mapping,omitempty"` // replay only
	}
	// ReplayBody says how records are mended before they are processed again.
	ReplayBody struct {
		Comment string            `json:"comment,omitempty"`
		Mapping *pipeline.Mapping `json:"mapping,omitempty"`
	}
	// CommentBody says why.
	CommentBody struct {
		Comment string `json:"comment,omitempty"`
	}
	// NoteBody is what others read at a schedule.
	NoteBody struct {
		Note string `json:"note,omitempty"`
	}
	// SwitchBody turns a kill switch.
	SwitchBody struct {
		On     *bool  `json:"on" null:"never"`
		Reason string `json:"reason,omitempty"`
	}
)

// resolutions are what a person may answer.
var resolutions = []string{pipeline.Release, pipeline.Replay, pipeline.Discard, pipeline.Close}

// maxComment bounds what a person writes, in characters: it is kept in the
// decision log, and shown in chat.
const maxComment = 4000

func short(field, text string) error {
	if utf8.RuneCountInString(text) > maxComment {
		return pipeline.Faultf(pipeline.BadData, "%s has more than %d characters", field, maxComment)
	}
	return nil
}

func (b *AnswerBody) check() error {
	if !slices.Contains(resolutions, b.Resolution) {
		return pipeline.Faultf(pipeline.BadData, "resolution is %q: it must be one of %s", b.Resolution, strings.Join(resolutions, ", "))
	}
	if b.Mapping != nil && b.Resolution != pipeline.Replay {
		return pipeline.Faultf(pipeline.BadData, "a mapping goes with replay, not with %s", b.Resolution)
	}
	return errors.Join(short("comment", b.Comment), applies(b.Mapping))
}

func (b *ReplayBody) check() error {
	return errors.Join(short("comment", b.Comment), applies(b.Mapping))
}

func (b *CommentBody) check() error { return short("comment", b.Comment) }

func (b *NoteBody) check() error { return short("note", b.Note) }

func (b *SwitchBody) check() error {
	if b.On == nil {
		return pipeline.Faultf(pipeline.BadData, `"on" must be true or false`)
	}
	return short("reason", b.Reason)
}

func applies(m *pipeline.Mapping) error {
	if m == nil {
		return nil
	}
	return batch.Mapping(*m).Validate()
}

func (b *AnswerBody) answer() pipeline.Answer {
	return pipeline.Answer{Resolution: b.Resolution, Comment: b.Comment, Mapping: b.Mapping}
}

// keyRule is what an Idempotency-Key may be: it becomes part of a workflow's ID.
var keyRule = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func (a *API) startRun(q ask) (any, error) {
	keys := q.Header.Values("Idempotency-Key")
	key := strings.Join(keys, ",")
	if len(keys) > 0 && !keyRule.MatchString(key) {
		return nil, refuse(http.StatusBadRequest, "Idempotency-Key is %q: it must be 1 to 128 of A-Z a-z 0-9 . _ -", key)
	}
	started, err := a.desk.Run(q.Context(), q.by, q.PathValue("pipeline"), key)
	if errors.Is(err, console.ErrConflict) {
		return instead{http.StatusOK, started}, nil
	}
	return started, err
}

func (a *API) turnSwitch(q ask) (any, error) {
	b := q.body.(*SwitchBody)
	return a.desk.TurnSwitch(q.Context(), q.by, q.PathValue("pipeline"), *b.On, b.Reason)
}

func (a *API) acknowledge(q ask) (any, error) {
	return nil, a.desk.Acknowledge(q.Context(), q.by, q.PathValue("incident"), q.body.(*CommentBody).Comment)
}

func (a *API) previewAnswer(q ask) (any, error) {
	i, err := a.desk.Ops.Incident(q.Context(), q.PathValue("incident"))
	if err != nil {
		return nil, err
	}
	return a.desk.Preview(q.Context(), i.Pipeline, "", i.ID, q.body.(*AnswerBody).answer())
}

func (a *API) answerIncident(q ask) (any, error) {
	return a.desk.Answer(q.Context(), q.by, q.PathValue("incident"), q.body.(*AnswerBody).answer())
}

func (a *API) previewSettlement(q ask) (any, error) {
	return a.desk.Preview(q.Context(), q.PathValue("pipeline"), q.PathValue("batch"), "", q.body.(*AnswerBody).answer())
}

func (a *API) replay(q ask) (any, error) {
	b := q.body.(*ReplayBody)
	return a.settle(q, pipeline.Answer{Resolution: pipeline.Replay, Comment: b.Comment, Mapping: b.Mapping})
}

func (a *API) discard(q ask) (any, error) {
	return a.settle(q, pipeline.Answer{Resolution: pipeline.Discard, Comment: q.body.(*CommentBody).Comment})
}

// settle starts it for a batch that has something to settle.
func (a *API) settle(q ask, answer pipeline.Answer) (any, error) {
	e, err := a.desk.Entry(q.Context(), q.PathValue("pipeline"), q.PathValue("batch"))
	if err != nil {
		return nil, err
	}
	return a.desk.Settle(q.Context(), q.by, q.PathValue("pipeline"), e.BatchID, answer)
}

func setPaused(paused bool) func(*API, ask) (any, error) {
	return func(a *API, q ask) (any, error) {
		name := q.PathValue("pipeline")
		if err := a.desk.Declared(name); err != nil {
			return nil, err
		}
		s, err := a.desk.Temporal.Schedule(q.Context(), name)
		if err == nil && !s.Exists {
			err = fmt.Errorf("%w: pipeline %s has no schedule; a worker makes those that pipeline files ask for", ops.ErrNotFound, name)
		}
		if err == nil {
			err = a.desk.SetPaused(q.Context(), q.by, name, paused, q.body.(*NoteBody).Note)
		}
		if err != nil {
			return nil, err
		}
		return a.schedule(q)
	}
}
