package access_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
)

// place is a guarded site whose handler answers with who asked.
type place struct {
	*testing.T
	store  *ops.Store
	now    time.Time
	server *httptest.Server
	client *http.Client
}

func newPlace(t *testing.T, change func(*access.Options)) *place {
	t.Helper()
	p := &place{T: t, store: consoletest.New(t).Ops, now: consoletest.At}
	o := access.Options{Now: func() time.Time { return p.now }, Login: func(w http.ResponseWriter, _ *http.Request, status int, f access.LoginForm) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "login next=%s problem=%s", f.Next, f.Problem)
	}}
	if change != nil {
		change(&o)
	}
	g := access.NewGuard(p.store, o)
	p.server = httptest.NewServer(g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := access.From(r.Context())
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(map[string]string{"name": s.Name, "role": string(s.Role), "via": s.Via, "csrf": s.CSRF, "body": string(body), "form": r.PostFormValue("x")})
	})))
	t.Cleanup(p.server.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	p.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return p
}

func (p *place) token(name, role string, life time.Duration) string {
	p.Helper()
	t := ops.Token{Name: name, Role: role, By: "test", CreatedAt: p.now}
	if life > 0 {
		t.ExpiresAt = p.now.Add(life)
	}
	secret, err := access.NewToken(p.Context(), p.store, t)
	require.NoError(p, err)
	return secret
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) who(t *testing.T) map[string]string {
	t.Helper()
	var m map[string]string
	require.NoError(t, json.Unmarshal([]byte(a.body), &m), a.body)
	return m
}

func (p *place) ask(method, path, body string, headers ...string) answer {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), method, p.server.URL+path, strings.NewReader(body))
	require.NoError(p, err)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.client.Do(req)
	require.NoError(p, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(p, err)
	require.NoError(p, res.Body.Close())
	return answer{res.StatusCode, res.Header, string(b)}
}

const form = "application/x-www-form-urlencoded"

func (p *place) login(secret string) answer {
	p.Helper()
	return p.ask("POST", "/login", url.Values{"token": {secret}, "next": {"/runs?x=1"}}.Encode(), "Content-Type", form)
}

func TestABearerTokenSaysWhoAsks(t *testing.T) {
	p := newPlace(t, nil)
	good, short, gone := p.token("ci", "operator", 0), p.token("short", "viewer", time.Hour), p.token("gone", "admin", 0)
	require.NoError(t, p.store.RevokeToken(t.Context(), "gone", p.now))
	require.Equal(t, map[string]string{"name": "ci", "role": "operator", "via": "api", "csrf": "", "body": "{}", "form": ""},
		p.ask("POST", "/api/v1/x", "{}", "Authorization", "Bearer "+good).who(t), "it writes without a page's token")
	require.Equal(t, "short", p.ask("GET", "/api/v1/x", "", "Authorization", "bearer "+short).who(t)["name"])
	p.now = p.now.Add(time.Hour)
	for name, secret := range map[string]string{"expired": short, "revoked": gone, "unknown": "adp_x", "empty": "", "SQL": "' OR 1=1 --", "cut": good[:len(good)-1]} {
		got := p.ask("GET", "/api/v1/x", "", "Authorization", "Bearer "+secret)
		require.Equal(t, http.StatusUnauthorized, got.status, name)
		require.Equal(t, problem.ContentType, got.header.Get("Content-Type"), name)
		require.NotEmpty(t, got.header.Get("WWW-Authenticate"), name)
	}
	all, err := p.store.Tokens(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, consoletest.At, all[0].UsedAt)
	require.Error(t, func() error {
		_, err := access.NewToken(t.Context(), p.store, ops.Token{Name: "gone", Role: "viewer"})
		return err
	}(), "a name stays its holder's")
}

func TestWithoutATokenNobodyGetsIn(t *testing.T) {
	p := newPlace(t, nil)
	tests := map[string]struct {
		method, path string
		headers      []string
		status       int
		location     string
	}{
		"the API says what it takes":             {"GET", "/api/v1/runs", nil, http.StatusUnauthorized, ""},
		"so does it to a write":                  {"POST", "/api/v1/incidents/x/answer", nil, http.StatusUnauthorized, ""},
		"a page leads to the login, and back":    {"GET", "/incidents/inc-1?x=1", nil, http.StatusSeeOther, "/login?next=%2Fincidents%2Finc-1%3Fx%3D1"},
		"a form is not sent again by itself":     {"POST", "/incidents/inc-1", nil, http.StatusSeeOther, "/login?next=%2F"},
		"a part of a page hears that it is over": {"GET", "/runs", []string{"HX-Request", "true"}, http.StatusUnauthorized, ""},
		"events too":                             {"GET", "/events", nil, http.StatusUnauthorized, ""},
		"an unknown cookie is nobody":            {"GET", "/api/v1/runs", []string{"Cookie", "adp_session=' OR 1=1 --"}, http.StatusUnauthorized, ""},
		"another scheme is nobody":               {"GET", "/api/v1/runs", []string{"Authorization", "Basic YTpi"}, http.StatusUnauthorized, ""},
		"a way around by dots is no way":         {"GET", "/static/../api/v1/runs", nil, http.StatusTemporaryRedirect, "/api/v1/runs"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := p.ask(tc.method, tc.path, "", tc.headers...)
			require.Equal(t, tc.status, got.status)
			require.Equal(t, tc.location, got.header.Get("Location"))
			require.NotContains(t, got.body, "csrf", "the handler wasn't asked")
		})
	}
	for _, path := range []string{"/api/v1/health", "/api/openapi.json", "/static/x.css", "/slack/interactions", "/hooks/customers"} {
		require.Empty(t, p.ask("POST", path, "").who(t)["role"], "%s checks for itself, and gets nobody", path)
	}
}

func TestASessionWritesFromItsOwnPagesAlone(t *testing.T) {
	p := newPlace(t, nil)
	got := p.login(p.token("anna", "approver", 0))
	require.Equal(t, http.StatusSeeOther, got.status)
	require.Equal(t, "/runs?x=1", got.header.Get("Location"))
	cookie := got.header.Get("Set-Cookie")
	require.Contains(t, cookie, "HttpOnly")
	require.Contains(t, cookie, "SameSite=Lax")
	me := p.ask("GET", "/", "").who(t)
	require.Equal(t, []string{"anna", "approver", "console"}, []string{me["name"], me["role"], me["via"]})
	csrf := me["csrf"]
	require.Len(t, csrf, 43)

	fields := func(csrf string) string { return url.Values{"csrf": {csrf}, "x": {"1"}}.Encode() }
	tests := map[string]struct {
		body    string
		headers []string
		want    int
	}{
		"a form with the token":             {fields(csrf), []string{"Content-Type", form}, http.StatusOK},
		"htmx with the token":               {"x=1", []string{"Content-Type", form, "X-CSRF-Token", csrf}, http.StatusOK},
		"a form without":                    {"x=1", []string{"Content-Type", form}, http.StatusForbidden},
		"with another's":                    {fields(strings.Repeat("A", 43)), []string{"Content-Type", form}, http.StatusForbidden},
		"with the token in the address":     {"", nil, http.StatusForbidden},
		"JSON without":                      {"{}", []string{"Content-Type", "application/json"}, http.StatusForbidden},
		"from another site, with the token": {fields(csrf), []string{"Content-Type", form, "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"from another origin":               {fields(csrf), []string{"Content-Type", form, "Origin", "http://evil.example"}, http.StatusForbidden},
		"a body without end":                {"csrf=" + strings.Repeat("x", 2<<20), []string{"Content-Type", form}, http.StatusForbidden},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, p.ask("POST", "/incidents/x?csrf="+csrf, tc.body, tc.headers...).status)
		})
	}
	require.Equal(t, "1", p.ask("POST", "/x", fields(csrf), "Content-Type", form).who(t)["form"], "the handler reads the form too")

	require.Equal(t, http.StatusForbidden, p.ask("POST", "/logout", "").status)
	require.Equal(t, http.StatusSeeOther, p.ask("POST", "/logout", fields(csrf), "Content-Type", form).status)
	require.Equal(t, http.StatusSeeOther, p.ask("GET", "/", "").status, "the session has ended")
}

func TestASessionEnds(t *testing.T) {
	tests := map[string]func(p *place){
		"after its time":                     func(p *place) { p.now = p.now.Add(12 * time.Hour) },
		"with its token's time":              func(p *place) { p.now = p.now.Add(time.Hour) },
		"when its token is revoked":          func(p *place) { require.NoError(p, p.store.RevokeToken(p.Context(), "anna", p.now)) },
		"when a cookie is cut or made up":    func(p *place) { p.client.Jar, _ = cookiejar.New(nil) },
		"when its token is revoked and more": func(p *place) { require.NoError(p, p.store.RevokeToken(p.Context(), "anna", p.now.Add(time.Second))) },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, nil)
			require.Equal(t, http.StatusSeeOther, p.login(p.token("anna", "approver", time.Hour)).status)
			require.Equal(t, http.StatusOK, p.ask("GET", "/", "").status)
			end(p)
			require.Equal(t, http.StatusSeeOther, p.ask("GET", "/", "").status)
		})
	}
}

func TestALoginLinkWorksOnce(t *testing.T) {
	p := newPlace(t, nil)
	link, err := access.LoginCode(t.Context(), p.store, console.Person{Name: "demo", Role: console.Admin}, p.now)
	require.NoError(t, err)
	got := p.ask("GET", link+"&next=/incidents", "")
	require.Equal(t, "/incidents", got.header.Get("Location"))
	require.Equal(t, "demo", p.ask("GET", "/", "").who(t)["name"])
	got = p.ask("GET", link, "")
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Contains(t, got.body, "used already")

	late, err := access.LoginCode(t.Context(), p.store, console.Person{Name: "demo", Role: console.Admin}, p.now)
	require.NoError(t, err)
	p.now = p.now.Add(11 * time.Minute)
	require.Equal(t, http.StatusUnauthorized, p.ask("GET", late, "").status)
}

func TestALoginGoesOnToThisSiteAlone(t *testing.T) {
	p := newPlace(t, nil)
	secret := p.token("anna", "approver", 0)
	for _, next := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "evil", "", "/login?code=x", "/a\r\nSet-Cookie: x=y", "%2f%2fevil"} {
		got := p.ask("POST", "/login", url.Values{"token": {secret}, "next": {next}}.Encode(), "Content-Type", form)
		require.Equal(t, "/", got.header.Get("Location"), next)
	}
	require.Equal(t, http.StatusForbidden, p.ask("POST", "/login", "token="+secret, "Content-Type", form, "Sec-Fetch-Site", "cross-site").status, "nobody is logged in by another site")
}

func TestGuessingGetsSlower(t *testing.T) {
	p := newPlace(t, nil)
	statuses := map[int]int{}
	for n := range 30 {
		var got answer
		if n%2 == 0 {
			got = p.login("adp_wrong")
		} else {
			got = p.ask("GET", "/api/v1/x", "", "Authorization", "Bearer adp_wrong")
		}
		statuses[got.status]++
		if got.status == http.StatusTooManyRequests {
			require.NotEmpty(t, got.header.Get("Retry-After"))
		}
	}
	require.Positive(t, statuses[http.StatusTooManyRequests])
	require.LessOrEqual(t, statuses[http.StatusUnauthorized], 15)
	require.Equal(t, http.StatusOK, p.ask("GET", "/api/v1/x", "", "Authorization", "Bearer "+p.token("ci", "viewer", 0)).status, "a good one is let in")
}

func TestAskingTooOftenIsToldWhenToComeAgain(t *testing.T) {
	p := newPlace(t, nil)
	one, two := p.token("one", "viewer", 0), p.token("two", "viewer", 0)
	var last answer
	for range 2000 {
		if last = p.ask("GET", "/api/v1/x", "", "Authorization", "Bearer "+one); last.status != http.StatusOK {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, last.status)
	require.NotEmpty(t, last.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, p.ask("GET", "/api/v1/x", "", "Authorization", "Bearer "+two).status, "another is not slowed down")
}

func TestACookieIsSecureBehindTLS(t *testing.T) {
	for _, trust := range []bool{true, false} {
		p := newPlace(t, func(o *access.Options) { o.TrustProxy = trust })
		secret := p.token("anna", "viewer", 0)
		got := p.ask("POST", "/login", "token="+secret, "Content-Type", form, "X-Forwarded-Proto", "https")
		require.Equal(t, trust, strings.Contains(got.header.Get("Set-Cookie"), "Secure"))
	}
}
