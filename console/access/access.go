// Package access says who asks: it turns a token or a session's cookie into a
// person with a role, and keeps out everybody else.
package access

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/console"
)

// Session is one person's request.
type Session struct {
	console.Person
	// CSRF is what a page's forms must carry in the field "csrf" (or htmx in
	// the header X-CSRF-Token) for a cookie's session to write. It is empty for
	// a bearer token, which no other site can send.
	CSRF string
}

type key struct{}

// With puts a session into a request's context.
func With(ctx context.Context, s Session) context.Context {
	return context.WithValue(ctx, key{}, s)
}

// From gives the request's session. Without one its person has no role, and so
// may nothing.
func From(ctx context.Context) Session {
	s, _ := ctx.Value(key{}).(Session)
	return s
}
