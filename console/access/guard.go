package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
)

// The limits of what it hands out.
const (
	sessionLife = 12 * time.Hour
	codeLife    = 10 * time.Minute
	maxForm     = 1 << 20 // bytes of a form that is looked into for its token
)

// cookieName is the session's cookie.
const cookieName = "adp_session"

// tokenPrefix lets scanners of leaked secrets find tokens.
const tokenPrefix = "adp_"

// Options are a guard's settings.
type Options struct {
	Now func() time.Time
	// TrustProxy takes address and scheme from X-Forwarded-For and
	// X-Forwarded-Proto. Without a proxy that sets them anybody could.
	TrustProxy bool
	// Login shows the login page. Problem is empty the first time.
	Login func(w http.ResponseWriter, r *http.Request, status int, f LoginForm)
}

// LoginForm is what a login page shows. It posts the fields token and next to
// /login.
type LoginForm struct {
	Next    string // the local address to go on to
	Problem string
}

// Guard lets people in, and says who they are.
type Guard struct {
	Options
	store   *ops.Store
	origins *http.CrossOriginProtection
	asks    *limiter // by person or address
	fails   *limiter // by address
}

// NewGuard makes a guard over the tokens of a store.
func NewGuard(store *ops.Store, o Options) *Guard {
	return &Guard{Options: o, store: store, origins: http.NewCrossOriginProtection(), asks: newLimiter(asksRate, asksBurst), fails: newLimiter(failsRate, failsBurst)}
}

// NewToken makes a token and returns its secret, which nobody can ask for
// again.
func NewToken(ctx context.Context, store *ops.Store, t ops.Token) (string, error) {
	secret := tokenPrefix + random()
	return secret, store.CreateToken(ctx, t, hash(secret))
}

// LoginCode makes the path and query of a link that logs a person in once,
// within ten minutes.
func LoginCode(ctx context.Context, store *ops.Store, p console.Person, now time.Time) (string, error) {
	code := random()
	err := store.AddCode(ctx, ops.Session{Name: p.Name, Role: string(p.Role), ExpiresAt: now.Add(codeLife)}, hash(code))
	return "/login?code=" + code, err
}

// random is 256 bits as text.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hash is how a secret is kept. It is random already, so it needs no salt.
func hash(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// open are the paths that anybody may ask: those behind them check for
// themselves, or have nothing to hide.
func open(path string) bool {
	switch path {
	case "/api/v1/health", "/api/openapi.json", "/slack/interactions":
		return true
	}
	return strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/hooks/")
}

// Wrap serves /login and /logout, and lets everything else through to next with
// who asks in its context: see From.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", g.showLogin)
	mux.HandleFunc("POST /login", g.login)
	mux.HandleFunc("POST /logout", g.logout)
	mux.Handle("/", g.only(next))
	return mux
}

func (g *Guard) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, bearer, err := g.who(r)
		switch {
		case err != nil:
			g.refuse(w, r, err)
		case bearer && s.Name == "":
			g.denied(w, r)
		case s.Name == "" && !open(r.URL.Path):
			g.unknown(w, r)
		case !strings.HasPrefix(r.URL.Path, "/static/") && !g.asks.allow(w, cmpOr(s.Name, g.address(r))):
			problem.Write(w, r, http.StatusTooManyRequests, "too many requests; wait as long as Retry-After says")
		case s.CSRF != "" && !g.meant(w, r, s):
			problem.Write(w, r, http.StatusForbidden, "the page that sent this is not one of this session's: load it again")
		default:
			next.ServeHTTP(w, r.WithContext(With(r.Context(), s)))
		}
	})
}

func cmpOr(name, address string) string {
	if name != "" {
		return "name " + name
	}
	return "from " + address
}

// who reads a request's credentials. A bearer token that isn't good is told
// apart from none.
func (g *Guard) who(r *http.Request) (s Session, bearer bool, err error) {
	via := "console"
	if strings.HasPrefix(r.URL.Path, "/api/") {
		via = "api"
	}
	if secret, ok := bearerOf(r); ok {
		t, ok, err := g.store.TokenOf(r.Context(), hash(secret), g.Now())
		if !ok {
			return Session{}, true, err
		}
		return Session{Person: console.Person{Name: t.Name, Role: console.Role(t.Role), Via: via}}, true, err
	}
	c, err := r.Cookie(cookieName)
	if err != nil {
		return Session{}, false, nil //nolint:nilerr // no cookie is nobody, which is no error
	}
	v, ok, err := g.store.SessionOf(r.Context(), hash(c.Value), g.Now())
	if !ok {
		return Session{}, false, err
	}
	return Session{Person: console.Person{Name: v.Name, Role: console.Role(v.Role), Via: via}, CSRF: v.CSRF}, false, err
}

func bearerOf(r *http.Request) (string, bool) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(secret), ok && strings.EqualFold(scheme, "bearer")
}

// meant reports whether a page of this session sent the request, if it could
// change anything.
func (g *Guard) meant(w http.ResponseWriter, r *http.Request, s Session) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	if g.origins.Check(r) != nil {
		return false
	}
	got := r.Header.Get("X-CSRF-Token")
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); got == "" && err == nil && kind == "application/x-www-form-urlencoded" {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		got = r.PostFormValue("csrf")
	}
	return subtle.ConstantTimeCompare([]byte(got), []byte(s.CSRF)) == 1
}

// address is where a request comes from.
func (g *Guard) address(r *http.Request) string {
	if hops := strings.Split(r.Header.Get("X-Forwarded-For"), ","); g.TrustProxy && strings.TrimSpace(hops[len(hops)-1]) != "" {
		return strings.TrimSpace(hops[len(hops)-1]) // what the proxy itself has seen
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (g *Guard) secure(r *http.Request) bool {
	return r.TLS != nil || (g.TrustProxy && r.Header.Get("X-Forwarded-Proto") == "https")
}

// denied answers a token that isn't good. Guessing gets slower.
func (g *Guard) denied(w http.ResponseWriter, r *http.Request) {
	if !g.fails.allow(w, g.address(r)) {
		problem.Write(w, r, http.StatusTooManyRequests, "too many wrong tokens from this address; wait as long as Retry-After says")
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	problem.Write(w, r, http.StatusUnauthorized, "the token is unknown, has expired or was revoked; make one: starter token create NAME --role viewer")
}

// unknown answers a request without credentials.
func (g *Guard) unknown(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") || r.Header.Get("HX-Request") != "" || r.URL.Path == "/events" {
		w.Header().Set("WWW-Authenticate", "Bearer")
		if r.Header.Get("HX-Request") != "" {
			w.Header().Set("HX-Redirect", "/login") // the session has ended under an open page
		}
		problem.Write(w, r, http.StatusUnauthorized, "this takes a token, as header Authorization: Bearer …; make one: starter token create NAME --role viewer")
		return
	}
	next := "/"
	if r.Method == http.MethodGet {
		next = r.URL.RequestURI()
	}
	http.Redirect(w, r, "/login?next="+url.QueryEscape(next), http.StatusSeeOther)
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error) { problem.Error(w, r, err) }
