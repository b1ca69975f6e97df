package access

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
)

// showLogin shows the form, or logs in by a link's code.
func (g *Guard) showLogin(w http.ResponseWriter, r *http.Request) {
	next := local(r.URL.Query().Get("next"))
	code := r.URL.Query().Get("code")
	if code == "" {
		g.Login(w, r, http.StatusOK, LoginForm{Next: next})
		return
	}
	v, ok, err := g.store.TakeCode(r.Context(), hash(code), g.Now())
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	if !ok {
		g.wrong(w, r, LoginForm{Next: next, Problem: "This link was used already, or is older than ten minutes."})
		return
	}
	g.enter(w, r, v, next)
}

// login logs in by a token.
func (g *Guard) login(w http.ResponseWriter, r *http.Request) {
	if g.origins.Check(r) != nil {
		problem.Write(w, r, http.StatusForbidden, "another site's page sent this")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	next := local(r.PostFormValue("next"))
	t, ok, err := g.store.TokenOf(r.Context(), hash(strings.TrimSpace(r.PostFormValue("token"))), g.Now())
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	if !ok {
		g.wrong(w, r, LoginForm{Next: next, Problem: "This token is unknown, has expired or was revoked."})
		return
	}
	g.enter(w, r, ops.Session{Name: t.Name, Role: t.Role, Token: t.Name}, next)
}

// wrong shows the form again, ever slower.
func (g *Guard) wrong(w http.ResponseWriter, r *http.Request, f LoginForm) {
	status := http.StatusUnauthorized
	if !g.fails.allow(w, g.address(r)) {
		status, f.Problem = http.StatusTooManyRequests, "Too many wrong tokens. Wait a minute."
	}
	g.Login(w, r, status, f)
}

// enter opens a session, of a new cookie, and goes on.
func (g *Guard) enter(w http.ResponseWriter, r *http.Request, v ops.Session, next string) {
	secret := random()
	v.CSRF, v.ExpiresAt = random(), g.Now().Add(sessionLife).UTC()
	if err := g.store.OpenSession(r.Context(), v, hash(secret), g.Now()); err != nil {
		g.refuse(w, r, err)
		return
	}
	// Lax, since alerts link here from other sites; what changes anything needs
	// the session's own token too.
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: secret, Path: "/", MaxAge: int(sessionLife.Seconds()), HttpOnly: true, Secure: g.secure(r), SameSite: http.SameSiteLaxMode,
	})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (g *Guard) logout(w http.ResponseWriter, r *http.Request) {
	s, _, err := g.who(r)
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	if s.CSRF != "" && !g.meant(w, r, s) {
		problem.Write(w, r, http.StatusForbidden, "the page that sent this is not one of this session's: load it again")
		return
	}
	if c, err := r.Cookie(cookieName); err == nil {
		if err := g.store.CloseSession(r.Context(), hash(c.Value)); err != nil {
			g.refuse(w, r, err)
			return
		}
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, Secure: g.secure(r), SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// local keeps a redirect on this site.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/login") {
		return "/"
	}
	return next
}
