package iceberg

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog/rest"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func connectREST(ctx context.Context, c Config) (opened, error) {
	transport := newRESTTransport(c)
	opts := []rest.Option{rest.WithAdditionalProps(ioProperties(c, iceberg.Properties{})), rest.WithCustomTransport(transport)}
	if c.Token != "" {
		opts = append(opts, rest.WithOAuthToken(string(c.Token)))
	}
	if c.Credential != "" {
		opts = append(opts, rest.WithCredential(string(c.Credential)))
	}
	cat, err := rest.NewCatalog(ctx, "adp", c.URI, opts...)
	if err != nil {
		transport.CloseIdleConnections()
		const attempted = "reach the catalog"
		if wontChange(int(transport.status.Load())) && !transport.refuses(err) {
			return opened{}, pipeline.Misconfiguredf(settingURI, "%s: what answers at %s is no Iceberg REST catalog (GET v1/config: status %d): the address goes up to what stands before /v1", attempted, c.URI, transport.status.Load())
		}
		return opened{}, scrub(c, transport, err, attempted)
	}
	return opened{Catalog: cat, rest: transport}, nil
}

// restTransport bounds the time that a catalog has to answer, and remembers
// what the library's errors don't say.
type restTransport struct {
	*http.Transport
	status  atomic.Int32           // of the last answer; 0 if none came
	refused atomic.Bool            // it refused the login
	login   atomic.Pointer[string] // the last that was shown, which no error may show
}

func newRESTTransport(c Config) *restTransport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = c.patience()
	return &restTransport{Transport: t}
}

// RoundTrip carries one request out. Logins are forms, everything else is JSON.
func (t *restTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		t.login.Store(&token)
	}
	res, err := t.Transport.RoundTrip(r)
	status := 0
	if err == nil {
		status = res.StatusCode
	}
	t.status.Store(int32(status))
	form := r.Header.Get("Content-Type") == "application/x-www-form-urlencoded"
	t.refused.Store(status == http.StatusUnauthorized || status == http.StatusForbidden || form && wontChange(status))
	return res, err
}

// wontChange reports an answer that the same request gets again.
func wontChange(status int) bool {
	return status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

// restFault is a fault of a catalog that was reached before. After a refusal
// the next call begins with a new login: the catalog may have forgotten the
// token that it gave.
func (t *tables) restFault(err error, attempted string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	transport := t.catalog.rest
	if transport == nil { // another call has found the refusal
		return scrub(t.cfg, &restTransport{}, err, attempted)
	}
	if transport.refuses(err) {
		_ = t.catalog.close() // a REST catalog's only drops idle connections
		t.catalog = opened{}
	}
	return scrub(t.cfg, transport, err, attempted)
}

// refuses reports that the catalog doesn't accept who we are.
func (t *restTransport) refuses(err error) bool {
	return errors.Is(err, rest.ErrUnauthorized) || errors.Is(err, rest.ErrForbidden) || errors.Is(err, rest.ErrAuthorizationExpired) ||
		errors.Is(err, rest.ErrRESTError) && t.refused.Load() // a gateway's page, or a login's own protocol
}

// hide takes out of a text what logs in.
func (t *restTransport) hide(c Config, text string) string {
	_, secret, _ := strings.Cut(string(c.Credential), ":")
	secrets := []string{string(c.Token), string(c.Credential), secret}
	if login := t.login.Load(); login != nil {
		secrets = append(secrets, *login)
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, Secret("").String())
		}
	}
	return text
}

// scrub gives a REST catalog's errors their kind, and takes secrets out.
func scrub(c Config, t *restTransport, err error, attempted string) error {
	text := t.hide(c, err.Error())
	if errors.Is(err, rest.ErrOAuthError) {
		text = fmt.Sprintf("log in (status %d): %s", t.status.Load(), text)
	}
	switch {
	case t.refuses(err):
		setting, todo := settingToken, "give a token that is valid, and may write this table"
		switch {
		case c.Credential != "":
			setting, todo = settingCredential, "give a client_id:client_secret that the catalog knows, and that may write this table"
		case c.Token == "":
			todo = "set it, or " + settingCredential
		}
		return pipeline.Misconfiguredf(setting, "%s: the catalog at %s refuses the login: %s: %s", attempted, c.URI, text, todo)
	case errors.Is(err, rest.ErrBadRequest):
		return pipeline.Misconfiguredf(settingURI, "%s: the catalog at %s refuses the request: %s", attempted, c.URI, text)
	}
	return pipeline.Faultf(pipeline.Transient, "%s (setting: %s): the catalog at %s: %s", attempted, settingURI, c.URI, text)
}
