package iceberg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog/rest"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// restParameters are what the query of a REST catalog's address may say. Other
// tools have properties of the same names.
var restParameters = map[string]func(value string) (rest.Option, error){
	"warehouse": func(name string) (rest.Option, error) { return rest.WithWarehouseLocation(name), nil },
	"scope":     func(scope string) (rest.Option, error) { return rest.WithScope(scope), nil },
	"oauth2-server-uri": func(address string) (rest.Option, error) {
		u, err := httpAddress(address)
		return rest.WithAuthURI(u), err
	},
}

// restAddress splits a REST catalog's address from the options in its query.
func restAddress(uri string) (string, []rest.Option, error) {
	u, err := httpAddress(uri)
	if err != nil {
		return "", nil, err
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", nil, err
	}
	var opts []rest.Option
	for name, values := range query {
		option, known := restParameters[name]
		if !known || len(values) != 1 || values[0] == "" {
			return "", nil, fmt.Errorf("parameter %s must be one of %s, with one value", name, strings.Join(slices.Sorted(maps.Keys(restParameters)), ", "))
		}
		o, err := option(values[0])
		if err != nil {
			return "", nil, fmt.Errorf("parameter %s: %w", name, err)
		}
		opts = append(opts, o)
	}
	u.RawQuery, u.Fragment = "", ""
	return u.String(), opts, nil
}

func httpAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil: // it holds the text, and that may be a password
		return nil, errors.New("it is no URL")
	case u.User != nil:
		return nil, fmt.Errorf("it must not hold a password: give %s or %s", settingCredential, settingToken)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("it must be http:// or https:// with a host")
	}
	return u, nil
}

func connectREST(ctx context.Context, c Config) (opened, error) {
	address, opts, err := restAddress(c.URI)
	if err != nil {
		return opened{}, err // Validate has said so
	}
	transport := newRESTTransport(c)
	opts = append(opts, rest.WithAdditionalProps(ioProperties(c, iceberg.Properties{})), rest.WithCustomTransport(transport))
	if c.Token != "" {
		opts = append(opts, rest.WithOAuthToken(string(c.Token)))
	}
	if c.Credential != "" {
		opts = append(opts, rest.WithCredential(string(c.Credential)))
	}
	cat, err := rest.NewCatalog(ctx, "adp", address, opts...)
	if err != nil {
		transport.CloseIdleConnections()
		const attempted = "reach the catalog"
		if wontChange(int(transport.status.Load())) && !transport.refuses(err) {
			return opened{}, pipeline.Misconfiguredf(settingURI, "%s: %s answers GET v1/config with status %d: %s: it must be the address of an Iceberg REST catalog, up to what stands before /v1, and with ?warehouse=name if it serves several",
				attempted, c.URI, transport.status.Load(), transport.hide(c, err.Error()))
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
// the next call begins with a new login.
func (t *tables) restFault(err error, attempted string) error {
	t.mu.Lock()
	transport := t.catalog.rest
	t.mu.Unlock()
	if transport == nil { // closed meanwhile
		transport = &restTransport{}
	} else if transport.refuses(err) {
		t.disconnect()
	}
	return scrub(t.cfg, transport, err, attempted)
}

// disconnect has the next call connect, and log in, anew.
func (t *tables) disconnect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.catalog.rest != nil {
		t.catalog.rest.CloseIdleConnections()
		t.catalog.Catalog = nil
	}
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
