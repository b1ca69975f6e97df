package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/autonomous-data-pipeline/adp/console/problem"
)

const aboutAPI = "What the console shows and takes, for programs. A token goes into the header Authorization: Bearer …; " +
	"`starter token create NAME --role viewer` makes one. Each operation names the least role that it takes: viewer, operator, approver, admin. " +
	"Every write is recorded in the pipeline's decision log with its author. Lists come in pages: `next` of one is `after` of the one that follows. " +
	"What can't be served is answered with an RFC 9457 problem document."

// openAPI is the API's description, made from its routes.
func openAPI() []byte {
	d := newDescriber()
	paths := object{}
	for _, r := range routes() {
		if paths[base+r.path] == nil {
			paths[base+r.path] = object{}
		}
		paths[base+r.path].(object)[strings.ToLower(r.method)] = r.describe(d)
	}
	paths["/api/openapi.json"] = object{"get": object{
		"operationId": "getDescription", "summary": "This document.", "security": []any{}, "responses": object{
			"200": object{"description": "OK", "content": object{"application/json": object{"schema": object{"type": "object"}}}},
		},
	}}
	d.named["Problem"] = d.fields(reflect.TypeFor[problem.Document]())
	doc, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info":    object{"title": "Autonomous data pipeline", "version": "1", "description": aboutAPI, "license": object{"name": "MIT", "identifier": "MIT"}},
		"servers": []any{object{"url": "/"}},
		"paths":   paths,
		"components": object{"schemas": d.named, "responses": refusals(), "securitySchemes": object{
			"token":   object{"type": "http", "scheme": "bearer"},
			"session": object{"type": "apiKey", "in": "cookie", "name": "adp_session", "description": "A page's session; writes carry its token in the header X-CSRF-Token too."},
		}},
		"security": []any{object{"token": []any{}}, object{"session": []any{}}},
	}, "", "  ")
	if err != nil {
		panic(err) // it is made of texts and numbers
	}
	return doc
}

// describe is a route's operation.
func (r route) describe(d *describer) object {
	o := object{"operationId": r.name, "summary": r.about, "tags": []string{strings.SplitN(r.path, "/", 3)[1]}, "responses": r.responses(d)}
	if p := r.parameters(); len(p) > 0 {
		o["parameters"] = p
	}
	if r.role == "" {
		o["security"] = []any{}
	} else {
		o["x-role"] = r.role
	}
	if r.body != nil {
		s := d.of(reflect.TypeOf(r.body))
		o["requestBody"] = object{"required": check(reflect.New(reflect.TypeOf(r.body)).Interface()) != nil, "content": object{"application/json": object{"schema": s}}}
	}
	return o
}

func (r route) parameters() []any {
	var out []any
	for _, segment := range strings.Split(r.path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			out = append(out, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string", "minLength": 1}})
		}
	}
	for _, p := range r.query {
		s := object{"type": "string"}
		if p.enum != nil {
			s["enum"] = p.enum
		}
		if p.max > 0 {
			s = object{"type": "integer", "minimum": 1, "maximum": p.max}
		}
		out = append(out, object{"name": p.name, "in": "query", "description": p.about, "schema": s})
	}
	if r.key {
		out = append(out, object{"name": "Idempotency-Key", "in": "header", "description": "Names what is asked for: the same key does it once.", "schema": object{"type": "string", "pattern": keyRule.String()}})
	}
	return out
}

// responses are what the route may answer.
func (r route) responses(d *describer) object {
	out := object{}
	for status, body := range r.answers {
		answer := object{"description": http.StatusText(status)}
		if body != nil {
			answer["content"] = object{"application/json": object{"schema": d.of(reflect.TypeOf(body))}}
		}
		out[strconv.Itoa(status)] = answer
	}
	for _, status := range r.problems() {
		out[strconv.Itoa(status)] = object{"$ref": "#/components/responses/" + refusalName(status)}
	}
	return out
}

// refusals are the answers that aren't a success: all are problem documents.
func refusals() object {
	out := object{}
	for _, r := range routes() {
		for _, status := range r.problems() {
			out[refusalName(status)] = object{"description": http.StatusText(status), "content": object{problem.ContentType: object{"schema": object{"$ref": "#/components/schemas/Problem"}}}}
		}
	}
	return out
}

func refusalName(status int) string {
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

// problems are the statuses of what the route may refuse, or not be able to.
func (r route) problems() []int {
	all := []int{http.StatusBadRequest, http.StatusNotAcceptable, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if r.role != "" {
		all = append(all, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity)
	}
	if strings.Contains(r.path, "{") || slices.ContainsFunc(r.query, func(p param) bool { return p.name == after.name }) {
		all = append(all, http.StatusNotFound)
	}
	if r.method == http.MethodPost {
		all = append(all, http.StatusConflict)
	}
	if r.body != nil {
		all = append(all, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout)
	}
	return all
}
