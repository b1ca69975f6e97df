// Package pages are the console's web pages: what a person sees in a browser,
// thin over the desk. They work without scripts; with them, parts of a page
// follow what happens.
package pages

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Options are what pages need beside the desk.
type Options struct {
	Version string // of the program, shown at the foot
	Log     *slog.Logger
}

// Site serves the pages.
type Site struct {
	Options
	desk      *console.Desk
	templates map[string]*template.Template // by page: layout and page
	mux       *http.ServeMux
	watcher   watcher
}

// New makes the pages. The access package's guard goes before them.
func New(desk *console.Desk, o Options) *Site {
	p := &Site{Options: o, desk: desk, templates: map[string]*template.Template{}, mux: http.NewServeMux()}
	p.watcher.look = p.digest
	p.parse()
	static, err := fs.Sub(staticFiles, "static")
	if err != nil {
		panic(err) // it is embedded
	}
	p.mux.Handle("GET /static/", http.StripPrefix("/static/", cached(http.FileServerFS(static))))
	p.mux.HandleFunc("GET /{$}", p.overview)
	p.mux.HandleFunc("GET /pipelines/{name}", p.pipeline)
	p.mux.HandleFunc("POST /pipelines/{name}/run", p.startRun)
	p.mux.HandleFunc("POST /pipelines/{name}/schedule", p.setPaused)
	p.mux.HandleFunc("GET /runs", p.runs)
	p.mux.HandleFunc("GET /runs/{id}", p.run)
	p.mux.HandleFunc("POST /theme", p.setTheme)
	p.mux.HandleFunc("GET /events", p.events)
	p.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.show(w, r, http.StatusNotFound, "error", "Not found", errorPage{http.StatusNotFound, "There is no page at this address."})
	})
	p.mux.HandleFunc("GET /runs/{id}/quality", p.quality)
	p.mux.HandleFunc("GET /schemas/{pipeline}", p.schemas)
	p.mux.HandleFunc("GET /decisions", p.decisions)
	p.mux.HandleFunc("GET /decisions/{id}", p.decision)
	p.mux.HandleFunc("GET /policy/{pipeline}", p.policy)
	p.mux.HandleFunc("POST /policy/{pipeline}/switch", p.turnSwitch)
	p.incidentRoutes(p.mux)
	p.quarantineRoutes(p.mux)
	return p
}

// ServeHTTP answers one request.
func (p *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// parse reads every page's template. They are part of the program, so one that
// is wrong shows in every test.
func (p *Site) parse() {
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err)
	}
	layout := template.Must(template.New("layout.html").Funcs(p.funcs()).ParseFS(templateFiles, "templates/layout.html", "templates/parts*.html"))
	for _, f := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(f, "templates/"), ".html")
		if name == "layout" || strings.HasPrefix(name, "parts") {
			continue
		}
		p.templates[name] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, f))
	}
}

// view is what every template gets.
type view struct {
	access.Session
	Title string
	Path  string // of this page, with its query
	Theme string // light, dark or auto
	Open  int    // incidents that wait
	Flash string // what the last form did
	About string // version
	Data  any
}

// May reports whether the reader's role is enough: what it isn't for isn't
// shown. The desk checks again.
func (v view) May(role string) bool { return v.Role.May(console.Role(role)) }

// show writes a page.
func (p *Site) show(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) {
	v := view{
		Session: access.From(r.Context()), Title: title, Path: r.URL.RequestURI(), Theme: theme(r), About: p.Version, Data: data,
		Flash: flashed(w, r),
	}
	if v.Name != "" {
		open, err := p.desk.Ops.Incidents(r.Context(), ops.IncidentQuery{Unresolved: true, Limit: 1000})
		if err != nil {
			p.Log.Warn("count the open incidents", "error", err)
		}
		v.Open = len(open)
	}
	var page bytes.Buffer // a template that breaks half way must not be half a page
	if err := p.templates[name].ExecuteTemplate(&page, "layout.html", v); err != nil {
		p.Log.Error("make a page", "page", name, "path", r.URL.Path, "error", err)
		http.Error(w, "something is broken here; the log says what", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // who asked is gone if this fails
}

type errorPage struct {
	Status int
	Detail string
}

// fail shows why a page can't be had, or a form wasn't carried out.
func (p *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, detail := problem.Of(err)
	if status == http.StatusInternalServerError {
		p.Log.Error("answer a page's request", "path", r.URL.Path, "error", err)
	}
	p.show(w, r, status, "error", http.StatusText(status), errorPage{status, detail})
}

// Login shows the login page: it is for access.Options.
func (p *Site) Login(w http.ResponseWriter, r *http.Request, status int, f access.LoginForm) {
	p.show(w, r, status, "login", "Log in", f)
}

// cached lets browsers keep what belongs to this program's version for a while.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=600")
		next.ServeHTTP(w, r)
	})
}

// The cookies that only say how a page looks, or what a form did.
const (
	themeCookie = "adp_theme"
	flashCookie = "adp_flash"
)

func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return "auto"
}

func (p *Site) setTheme(w http.ResponseWriter, r *http.Request) {
	to := r.PostFormValue("to")
	if to != "light" && to != "dark" {
		to = "auto"
	}
	http.SetCookie(w, &http.Cookie{Name: themeCookie, Value: to, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	http.Redirect(w, r, back(r), http.StatusSeeOther)
}

// back is the page of this site that a form was on.
func back(r *http.Request) string {
	u, err := url.Parse(r.Header.Get("Referer"))
	if err != nil || (u.Host != "" && u.Host != r.Host) || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return cmp.Or((&url.URL{Path: u.Path, RawQuery: u.RawQuery}).RequestURI(), "/")
}

// done goes on to a page after a form, which then says once what was done.
func (p *Site) done(w http.ResponseWriter, r *http.Request, to, said string) {
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Value: url.QueryEscape(said), Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func flashed(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	said, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return said
}
