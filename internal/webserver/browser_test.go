//go:build integration

package webserver_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/console/site"
	"github.com/autonomous-data-pipeline/adp/internal/browser"
	"github.com/autonomous-data-pipeline/adp/internal/webserver"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Names and values of data that would be markup, if anybody took them for it.
const hostile = `<script>document.title='owned'</script><img src=x onerror="document.title='owned'">"'`

// serve gives a console over a desk with runs of every outcome, and a browser
// that has logged in.
func serve(t *testing.T) (consoletest.Desk, string, *browser.Browser) {
	t.Helper()
	d := consoletest.New(t)
	d.Now = time.Now
	for i, o := range []pipeline.Outcome{pipeline.Succeeded, pipeline.Remediated, pipeline.Failed, pipeline.Held} {
		d.Decide(t, d.Ran(t, "run-"+string(o), i, o, func(r *pipeline.RunReport) {
			r.Drift = append(r.Drift, pipeline.Drift{Kind: pipeline.FieldAdded, Field: hostile, Observed: hostile, Count: 20, Share: 0.02})
		}))
	}
	held, err := d.Ops.Run(t.Context(), "run-held")
	require.NoError(t, err)
	d.Open(t, held, "dq_failures_major", true)
	l, err := site.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	server := site.Serve(l, webserver.Handler(d.Desk, webserver.Options{Config: d.Config, Log: quiet, Version: "test"}), quiet)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	base := "http://" + server.Address
	b := browser.Start(t, base)
	b.Look(1200, 900, "light")
	link, err := access.LoginCode(t.Context(), d.Ops, consoletest.Admin, time.Now())
	require.NoError(t, err)
	b.Open(base + link)
	b.Wait("Needs a person")
	return d, base, b
}

func TestALivePageFollowsWhatHappens(t *testing.T) {
	d, _, b := serve(t)
	var before int
	b.Eval("document.querySelectorAll('.pipe .strip i').length", &before)
	require.Equal(t, 4, before)
	d.Ran(t, "run-new", 9, pipeline.Remediated, func(r *pipeline.RunReport) { r.Pipeline = "orders" })
	b.Wait("run-new")
	require.Empty(t, b.Faults())
}

func TestTextFromDataIsText(t *testing.T) {
	_, base, b := serve(t)
	b.Open(base + "/runs/run-held")
	b.Wait("document.title='owned'")
	var title string
	b.Eval("document.title", &title)
	require.Equal(t, "Run of customers · pipelines", title)
	require.Empty(t, b.Faults())
}

func TestThemesAreChosen(t *testing.T) {
	_, _, b := serve(t)
	ground := func() (c string) {
		b.Eval("getComputedStyle(document.body).backgroundColor", &c)
		return c
	}
	light := ground()
	b.Look(1200, 900, "dark")
	dark := ground()
	require.NotEqual(t, light, dark, "the system's preference counts")
	b.Look(1200, 900, "light")
	b.Click("form[action='/theme'] button")
	b.Until("document.documentElement.dataset.theme === 'dark'")
	require.Equal(t, dark, ground(), "and the person's own more")
	require.Empty(t, b.Faults())
}

func TestASessionThatEndsUnderAnOpenPageLeadsToTheLogin(t *testing.T) {
	d, base, b := serve(t)
	other := browser.Start(t, base)
	link, err := access.LoginCode(t.Context(), d.Ops, consoletest.Viewer, time.Now())
	require.NoError(t, err)
	other.Open(base + link)
	other.Wait("vera")
	other.Eval("fetch('/logout', {method: 'POST', headers: {'X-CSRF-Token': document.querySelector('[name=csrf]').value}}).then(() => { document.title = 'out' }), 0", nil)
	other.Until("document.title === 'out'")
	d.Ran(t, "run-new", 9, pipeline.Succeeded, nil)
	other.Until("location.pathname === '/login'")
	b.Wait("run-new")
	require.Empty(t, b.Faults(), "another's logout is not mine")
}
