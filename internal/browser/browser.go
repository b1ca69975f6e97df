// Package browser drives a real Chromium for tests: Debian's package, without a
// window, which may talk to this machine alone.
package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axe is axe-core's own distribution file, which judges accessibility.
//
//go:embed testdata/axe.min.js
var axe string

// limit is how long a page may take to show what is waited for.
const limit = time.Minute

// every is how often it is looked for.
const every = 20 * time.Millisecond

// Browser is one person's: cookies of its own.
type Browser struct {
	t    testing.TB
	ctx  context.Context
	host string // of the site under test: what goes elsewhere is a fault

	mu     sync.Mutex
	faults []string
}

// Start opens a browser for a site, like http://127.0.0.1:8088. On a machine
// without Chromium the test is skipped, but not under CI=true.
func Start(t testing.TB, site string) *Browser {
	t.Helper()
	path := slices.IndexFunc([]string{"chromium", "chromium-browser", "google-chrome"}, func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	})
	if path < 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no chromium on PATH, and CI must run this test: apt-get install chromium")
		}
		t.Skip("there is no chromium on PATH: apt-get install chromium")
	}
	u, err := url.Parse(site)
	require.NoError(t, err)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath([]string{"chromium", "chromium-browser", "google-chrome"}[path]),
		chromedp.NoSandbox, chromedp.Flag("headless", "new"), chromedp.Flag("disable-gpu", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-component-update", true),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closed := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for its end
		closed()
		stop()
	})
	b := &Browser{t: t, ctx: ctx, host: u.Host}
	chromedp.ListenTarget(ctx, b.hear)
	b.do("start", network.Enable(), log.Enable(), runtime.Enable())
	return b
}

// hear notes what a person would see in red in the browser's console.
func (b *Browser) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.fault("exception: " + e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			b.fault(fmt.Sprintf("console: %s %v", e.Type, e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			b.fault("log: " + e.Entry.Text + " " + e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host != b.host && u.Scheme != "data" && u.Scheme != "about" {
			b.fault("a request to somebody else: " + e.Request.URL)
		}
	}
}

func (b *Browser) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// Faults gives what went wrong since the last call: errors in the console,
// failed requests, requests to anybody else.
func (b *Browser) Faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.faults
	b.faults = nil
	return out
}

func (b *Browser) do(what string, actions ...chromedp.Action) {
	b.t.Helper()
	require.NoError(b.t, b.try(actions...), what)
}

// try runs actions within the limit. The first ones start the browser, whose
// context must not end with this call.
func (b *Browser) try(actions ...chromedp.Action) error {
	done := make(chan error, 1)
	go func() { done <- chromedp.Run(b.ctx, actions...) }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("it takes longer than %v", limit)
	}
}

// Open goes to an address, and waits until it is loaded.
func (b *Browser) Open(address string) {
	b.t.Helper()
	b.do("open "+address, chromedp.Navigate(address), chromedp.WaitReady("body"))
}

// Look sets the window's size, in pixels, and the theme that the person's
// system prefers: light or dark.
func (b *Browser) Look(width, height int64, theme string) {
	b.t.Helper()
	b.do("look", emulation.SetDeviceMetricsOverride(width, height, 1, width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}))
}

// Click clicks the first element of a selector. What it leads to is for Wait or
// Until.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery))
}

// Type writes into a field.
func (b *Browser) Type(selector, text string) {
	b.t.Helper()
	b.do("type into "+selector, chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.SendKeys(selector, text, chromedp.ByQuery))
}

// Eval evaluates a script, and decodes its value into out.
func (b *Browser) Eval(script string, out any) {
	b.t.Helper()
	b.do("evaluate "+script, chromedp.Evaluate(script, out))
}

// Wait waits until a text is on the page.
func (b *Browser) Wait(text string) {
	b.t.Helper()
	quoted, err := json.Marshal(text)
	require.NoError(b.t, err)
	b.Until("document.body.innerText.includes(" + string(quoted) + ")")
}

// Until waits until a script's value is true, also over the way to another
// page.
func (b *Browser) Until(script string) {
	b.t.Helper()
	for end := time.Now().Add(limit); ; {
		var is bool
		err := b.try(chromedp.Evaluate("!!("+script+")", &is))
		if err == nil && is {
			return
		}
		if time.Now().After(end) {
			require.Fail(b.t, "it doesn't come true: "+script, "on %s (%v):\n%s", b.Address(), err, b.Text())
		}
		time.Sleep(every)
	}
}

// Address is where the browser is.
func (b *Browser) Address() string {
	var at string
	b.do("ask for the address", chromedp.Location(&at))
	return at
}

// Text is what the page shows.
func (b *Browser) Text() string {
	var text string
	b.do("read the page", chromedp.Evaluate("document.body.innerText", &text))
	return text
}

// Overflow is by how many pixels the page is wider than its window.
func (b *Browser) Overflow() int {
	b.t.Helper()
	var wider int
	b.Eval("document.documentElement.scrollWidth - document.documentElement.clientWidth", &wider)
	return wider
}

// Violation is a fault of accessibility.
type Violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"` // minor, moderate, serious, critical
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// String names the fault and its places.
func (v Violation) String() string {
	var places []string
	for _, n := range v.Nodes {
		places = append(places, n.HTML+"\n    "+strings.ReplaceAll(n.Summary, "\n", " "))
	}
	return fmt.Sprintf("%s (%s): %s\n  %s", v.ID, v.Impact, v.Help, strings.Join(places, "\n  "))
}

// Serious gives axe-core's serious and critical findings on the page.
func (b *Browser) Serious() []Violation {
	b.t.Helper()
	var all []Violation
	// By the debugger, which no content security policy stops.
	b.do("judge the page", chromedp.Evaluate(axe+";0", nil), chromedp.Evaluate(`axe.run().then(r => r.violations)`, &all,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return slices.DeleteFunc(all, func(v Violation) bool { return v.Impact != "serious" && v.Impact != "critical" })
}

// Shoot writes a picture of the page, at most so many pixels high.
func (b *Browser) Shoot(file string, height int64) {
	b.t.Helper()
	var picture []byte
	b.do("take a picture", chromedp.ActionFunc(func(ctx context.Context) error {
		_, _, _, _, _, size, err := page.GetLayoutMetrics().Do(ctx)
		if err != nil {
			return err
		}
		picture, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).WithClip(&page.Viewport{
			Width: size.Width, Height: min(size.Height, float64(height)), Scale: 1,
		}).Do(ctx)
		return err
	}))
	require.NoError(b.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(b.t, os.WriteFile(file, picture, 0o644))
}
