package trigger_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/console/trigger"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const secret = "a secret of some length"

func newHook(t *testing.T) (consoletest.Desk, http.Handler) {
	d := consoletest.New(t)
	return d, trigger.New(d.Desk, trigger.Config{Secret: secret, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

// post calls as somebody; header lines are "Name: value".
func post(h http.Handler, by console.Person, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Session{Person: by})))
	return w
}

// signed are the headers of a call that is signed at a time.
func signed(body string, at time.Time, headers ...string) []string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return append(headers, trigger.HeaderTimestamp+": "+stamp, trigger.HeaderSignature+": "+trigger.Sign(secret, stamp, []byte(body)))
}

func answerOf(t *testing.T, w *httptest.ResponseRecorder) (a trigger.Answer) {
	t.Helper()
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a), w.Body.String())
	return a
}

func TestWhoIsLetIn(t *testing.T) {
	nobody, body := console.Person{}, `{"id":"7"}`
	stamp := strconv.FormatInt(consoletest.At.Unix(), 10)
	tests := map[string]struct {
		by      console.Person
		headers []string
		want    int
	}{
		"an operator's token":                        {consoletest.Operator, nil, 202},
		"an approver's token":                        {consoletest.Approver, nil, 202},
		"a viewer's token is not enough":             {consoletest.Viewer, nil, 403},
		"nobody":                                     {nobody, nil, 401},
		"a signature":                                {nobody, signed(body, consoletest.At), 202},
		"a signature of five minutes ago":            {nobody, signed(body, consoletest.At.Add(-5*time.Minute)), 202},
		"an older signature is refused":              {nobody, signed(body, consoletest.At.Add(-5*time.Minute-time.Second)), 401},
		"one of a clock half a minute ahead":         {nobody, signed(body, consoletest.At.Add(30*time.Second)), 202},
		"one from the future is refused":             {nobody, signed(body, consoletest.At.Add(31*time.Second)), 401},
		"another body's signature is refused":        {nobody, signed(body+" ", consoletest.At), 401},
		"a signature without its time is refused":    {nobody, signed(body, consoletest.At)[1:], 401},
		"a time without a signature is refused":      {nobody, signed(body, consoletest.At)[:1], 401},
		"another secret's signature is refused":      {nobody, []string{trigger.HeaderTimestamp + ": " + stamp, trigger.HeaderSignature + ": " + trigger.Sign("other", stamp, []byte(body))}, 401},
		"a time that is no number is refused":        {nobody, []string{trigger.HeaderTimestamp + ": now", trigger.HeaderSignature + ": " + trigger.Sign(secret, "now", []byte(body))}, 401},
		"a signature doesn't make a viewer operator": {consoletest.Viewer, signed(body, consoletest.At), 403},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, h := newHook(t)
			w := post(h, tc.by, "/hooks/customers", body, tc.headers...)
			require.Equal(t, tc.want, w.Code, w.Body.String())
			ids, _ := d.Temporal.Started()
			require.Len(t, ids, map[int]int{202: 1}[tc.want])
			if tc.want >= 400 {
				require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
				require.NotContains(t, w.Body.String(), secret)
			}
		})
	}
}

func TestWithoutASecretNoSignatureCounts(t *testing.T) {
	d := consoletest.New(t)
	h := trigger.New(d.Desk, trigger.Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	stamp := strconv.FormatInt(consoletest.At.Unix(), 10)
	w := post(h, console.Person{}, "/hooks/customers", "{}", trigger.HeaderTimestamp+": "+stamp, trigger.HeaderSignature+": "+trigger.Sign("", stamp, []byte("{}")))
	require.Equal(t, 401, w.Code)
}

func TestASignatureIsWhatOpensslMakesOfIt(t *testing.T) {
	// printf '%s.%s' 1795424400 '{"id":"7"}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
	require.Equal(t, "v1=139bbd63da813647c0ea2f6bb1ddcd14bc65fcb4e1930483248414986334cb8e",
		trigger.Sign("0123456789abcdef0123456789abcdef", "1795424400", []byte(`{"id":"7"}`)))
}

func TestASignatureCountsOnce(t *testing.T) {
	d, h := newHook(t)
	headers := signed("", consoletest.At)
	require.Equal(t, 202, post(h, console.Person{}, "/hooks/customers", "", headers...).Code)
	require.Equal(t, 409, post(h, console.Person{}, "/hooks/customers", "", headers...).Code)
	require.Equal(t, 409, post(h, console.Person{}, "/hooks/orders", "", headers...).Code, "not for another pipeline either")
	require.Equal(t, 409, post(h, console.Person{}, "/hooks/customers", "", append(headers, "Idempotency-Key: other")...).Code, "nor with another key")
	ids, _ := d.Temporal.Started()
	require.Len(t, ids, 1)
}

func TestACallThatFailedMayBeSentAgainAsItIs(t *testing.T) {
	d, h := newHook(t)
	headers := signed("", consoletest.At)
	d.Temporal.Err = pipeline.Faultf(pipeline.Transient, "Temporal is down")
	require.Equal(t, 503, post(h, console.Person{}, "/hooks/customers", "", headers...).Code)
	d.Temporal.Err = nil
	require.Equal(t, 202, post(h, console.Person{}, "/hooks/customers", "", headers...).Code)
}

func TestTheSameKeyStartsOneRun(t *testing.T) {
	d, h := newHook(t)
	first := post(h, consoletest.Operator, "/hooks/customers", `{"id":"7"}`)
	require.Equal(t, 202, first.Code)
	a := answerOf(t, first)
	require.Equal(t, "run/customers/hook/7", a.WorkflowID)
	require.True(t, a.New)
	second := post(h, console.Person{}, "/hooks/customers", `{"id":"7"}`, signed(`{"id":"7"}`, consoletest.At)...)
	require.Equal(t, 200, second.Code)
	b := answerOf(t, second)
	require.Equal(t, a.Started, b.Started)
	require.False(t, b.New)
	require.Equal(t, 202, post(h, consoletest.Operator, "/hooks/orders", `{"id":"7"}`).Code, "a key counts within its pipeline")
	_, inputs := d.Temporal.Started()
	require.Equal(t, []any{pipeline.RunRequest{Pipeline: "customers", Trigger: "hook"}, pipeline.RunRequest{Pipeline: "orders", Trigger: "hook"}}, inputs)
}

func TestManyCallsAtOnceWithOneKeyStartOneRun(t *testing.T) {
	d, h := newHook(t)
	var wg sync.WaitGroup
	codes := make(chan int, 20)
	for range 20 {
		wg.Go(func() { codes <- post(h, consoletest.Operator, "/hooks/customers", `{"id":"7"}`).Code })
	}
	wg.Wait()
	close(codes)
	count := map[int]int{}
	for c := range codes {
		count[c]++
	}
	require.Equal(t, map[int]int{202: 1, 200: 19}, count)
	ids, _ := d.Temporal.Started()
	require.Len(t, ids, 1)
}

func TestWithoutAKeyEachCallStartsARun(t *testing.T) {
	d, h := newHook(t)
	for _, body := range []string{"", "{}", "not JSON", `{"id":null}`, `[1,2]`} {
		require.Equal(t, 202, post(h, consoletest.Operator, "/hooks/customers", body).Code, body)
	}
	ids, _ := d.Temporal.Started()
	require.Len(t, ids, 5)
}

func TestProblems(t *testing.T) {
	tests := map[string]struct {
		path, body string
		err        error
		want       int
	}{
		"a pipeline that nobody declared":       {path: "/hooks/nobody", want: 404},
		"a path below a pipeline":               {path: "/hooks/customers/more", want: 404},
		"no pipeline":                           {path: "/hooks/", want: 404},
		"an ID that is neither text nor number": {path: "/hooks/customers", body: `{"id":{"a":1}}`, want: 422},
		"an endless ID":                         {path: "/hooks/customers", body: `{"id":"` + strings.Repeat("x", 5000) + `"}`, want: 422},
		"a body above 256 KiB":                  {path: "/hooks/customers", body: strings.Repeat(" ", 256<<10+1), want: 413},
		"Temporal is down":                      {path: "/hooks/customers", err: pipeline.Faultf(pipeline.Transient, "down"), want: 503},
		"a bug keeps its text":                  {path: "/hooks/customers", err: &pipeline.Fault{Kind: pipeline.Bug, Err: errors.New("inner text")}, want: 500},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, h := newHook(t)
			d.Temporal.Err = tc.err
			w := post(h, consoletest.Operator, tc.path, tc.body)
			require.Equal(t, tc.want, w.Code, w.Body.String())
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			require.NotContains(t, w.Body.String(), "inner text")
		})
	}
}

func TestARunIsStartedByPostAlone(t *testing.T) {
	d, h := newHook(t)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/hooks/customers", nil))
		require.Equal(t, 405, w.Code)
		require.Equal(t, "POST", w.Header().Get("Allow"))
	}
	ids, _ := d.Temporal.Started()
	require.Empty(t, ids)
}
