// Package console is where people meet the pipelines. A Desk is what they ask
// and tell, with each one's role checked and each write recorded; the REST API,
// the pages, chat and assistants' tools are thin over it.
package console

import (
	"errors"
	"fmt"
	"slices"
)

// Role says what a person may do. Each role may do what those before it may.
type Role string

// The roles, the least first.
const (
	Viewer   Role = "viewer"   // look
	Operator Role = "operator" // start runs, pause schedules, acknowledge incidents
	Approver Role = "approver" // answer incidents: what goes into the table
	Admin    Role = "admin"    // tokens, kill switch
)

// Roles are all roles, the least first.
var Roles = []Role{Viewer, Operator, Approver, Admin}

// May reports whether the role is at least another one. An unknown role may
// nothing.
func (r Role) May(need Role) bool {
	have := slices.Index(Roles, r)
	return have >= 0 && have >= slices.Index(Roles, need)
}

// Person is who asks, and by which way.
type Person struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	Via  string `json:"via"` // console, api, slack, hook, mcp
}

// ErrForbidden means that the person's role isn't enough.
var ErrForbidden = errors.New("forbidden")

// ErrConflict means that somebody was first: the incident is answered already,
// the run is started already.
var ErrConflict = errors.New("conflict")

// needs refuses a person whose role isn't enough.
func (p Person) needs(role Role, what string) error {
	if p.Name != "" && p.Role.May(role) {
		return nil
	}
	return fmt.Errorf("%s: %w: it takes the role %s, and %q has %q", what, ErrForbidden, role, p.Name, p.Role)
}
