package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/console"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// ask is a request that has been checked against its route.
type ask struct {
	*http.Request
	by    console.Person
	query map[string]string // by the route's parameters
	body  any               // a pointer to the route's body
}

// number is a parameter that the route declares as one, or 0.
func (q ask) number(name string) int {
	n, _ := strconv.Atoi(q.query[name]) // parse has checked it
	return n
}

// refusal is a request that isn't one, with the status that says why.
type refusal struct {
	status int
	detail string
}

func (r refusal) Error() string { return r.detail }

func refuse(status int, format string, args ...any) error {
	return refusal{status, fmt.Sprintf(format, args...)}
}

// admits refuses who has no role, or too little of one.
func (r route) admits(by console.Person) error {
	switch {
	case r.role == "" || (by.Name != "" && by.Role.May(r.role)):
		return nil
	case by.Name == "":
		return refuse(http.StatusUnauthorized, "this takes a token, as header Authorization: Bearer …")
	}
	return refuse(http.StatusForbidden, "%s: it takes the role %s, and %q has %q", r.name, r.role, by.Name, by.Role)
}

// acceptsJSON refuses who can't read JSON.
func acceptsJSON(r *http.Request) error {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return nil
	}
	for _, part := range strings.Split(accept, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err == nil && params["q"] != "0" && slices.Contains([]string{"*/*", "application/*", "application/json"}, kind) {
			return nil
		}
	}
	return refuse(http.StatusNotAcceptable, "answers are application/json, which Accept doesn't name")
}

// parse reads a query. What the route doesn't declare is refused, since a
// filter that is misspelt would otherwise match everything.
func (r route) parse(raw string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "read the query: %v", err)
	}
	out := map[string]string{}
	for name, v := range values {
		i := slices.IndexFunc(r.query, func(p param) bool { return p.name == name })
		if i < 0 {
			return nil, refuse(http.StatusBadRequest, "query parameter %q is none of %s's: %s", name, r.name, r.known())
		}
		if len(v) > 1 {
			return nil, refuse(http.StatusBadRequest, "query parameter %q is there more than once", name)
		}
		if err := r.query[i].check(v[0]); err != nil {
			return nil, err
		}
		out[name] = v[0]
	}
	return out, nil
}

func (r route) known() string {
	var names []string
	for _, p := range r.query {
		names = append(names, p.name)
	}
	if len(names) == 0 {
		return "it has none"
	}
	return strings.Join(names, ", ")
}

// check refuses a value that isn't one of the parameter's. Empty text is as if
// it weren't there.
func (p param) check(v string) error {
	switch {
	case p.max > 0:
		if n, err := strconv.Atoi(v); err != nil || n < 1 || n > p.max {
			return refuse(http.StatusBadRequest, "query parameter %s is %q: it must be a number from 1 to %d", p.name, v, p.max)
		}
	case p.enum != nil && !slices.Contains(p.enum, v):
		return refuse(http.StatusBadRequest, "query parameter %s is %q: it must be one of %s", p.name, v, strings.Join(p.enum, ", "))
	case !utf8.ValidString(v):
		return refuse(http.StatusBadRequest, "query parameter %s is no UTF-8", p.name)
	}
	return nil
}

// read reads a request's body, if its route takes one, into a new value of the
// body's type.
func (r route) read(w http.ResponseWriter, req *http.Request) (any, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "the body took too long")
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "read the body: %v", err)
	case r.body == nil && len(raw) > 0:
		return nil, refuse(http.StatusBadRequest, "%s takes no body", r.name)
	case r.body == nil:
		return nil, nil
	}
	into := reflect.New(reflect.TypeOf(r.body))
	if len(raw) == 0 {
		return into.Interface(), check(into.Interface())
	}
	if kind, params, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || kind != "application/json" || !strings.EqualFold(orUTF8(params["charset"]), "utf-8") {
		return nil, refuse(http.StatusUnsupportedMediaType, "the body's Content-Type is %q: it must be application/json", req.Header.Get("Content-Type"))
	}
	return into.Interface(), decode(raw, into.Interface())
}

func orUTF8(charset string) string {
	if charset == "" {
		return "utf-8"
	}
	return charset
}

// decode reads a JSON object that is exactly of a type.
func decode(raw []byte, into any) error {
	if !utf8.Valid(raw) || !strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
		return refuse(http.StatusBadRequest, "the body must be a JSON object in UTF-8")
	}
	if err := json.Unmarshal(raw, into); err != nil { // more after the object is an error too
		return refuse(http.StatusBadRequest, "read the body: %v", err)
	}
	var given any
	if err := json.Unmarshal(raw, &given); err != nil {
		return refuse(http.StatusBadRequest, "read the body: %v", err)
	}
	if err := exact("", given, reflect.TypeOf(into)); err != nil {
		return err
	}
	return check(into)
}

// exact refuses what encoding/json lets through: fields that aren't there or
// are spelt in another case, and null for a value. What was asked for must not
// be guessed.
func exact(at string, given any, t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		return exact(at, given, t.Elem())
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		return nil
	}
	if given == nil {
		return refuse(http.StatusBadRequest, "read the body: %s is null: leave it out", strings.TrimPrefix(at, "."))
	}
	switch in := given.(type) {
	case map[string]any:
		return exactFields(at, in, t)
	case []any:
		for _, v := range in {
			if err := exact(at, v, t.Elem()); err != nil {
				return err
			}
		}
	}
	return nil
}

func exactFields(at string, given map[string]any, t reflect.Type) error {
	for name, v := range given {
		var of reflect.Type
		if t.Kind() == reflect.Struct {
			i := slices.IndexFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return jsonName(f) == name })
			if i < 0 {
				return refuse(http.StatusBadRequest, "read the body: it has no field %q", strings.TrimPrefix(at+"."+name, "."))
			}
			of = t.Field(i).Type
		} else {
			of = t.Elem()
		}
		if err := exact(at+"."+name, v, of); err != nil {
			return err
		}
	}
	return nil
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// check asks a body about itself.
func check(body any) error {
	if c, ok := body.(interface{ check() error }); ok {
		return c.check()
	}
	return nil
}
