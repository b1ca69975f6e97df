//go:build integration

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// wire is a network between two programs that can be spoiled.
type wire struct{ proxy *toxiproxy.Proxy }

// newWire carries what is sent to its address on to upstream.
func newWire(t *testing.T, upstream string) *wire {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics log past the logger that they are given
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &wire{toxiproxy.NewProxy(server, "wire", "127.0.0.1:0", upstream)}
	require.NoError(t, w.proxy.Start())
	t.Cleanup(w.proxy.Stop)
	return w
}

func (w *wire) address() string { return w.proxy.Listen }

// spoils are the ways to spoil a wire, by name. Each is toxics in JSON for both
// directions; none at all takes the wire away.
var spoils = map[string][]string{
	"cut":       nil, // connections end in good order, new ones are refused
	"reset":     {`{"type": "reset_peer", "attributes": {"timeout": 0}}`},
	"slow":      {`{"type": "latency", "attributes": {"latency": 400, "jitter": 200}}`},
	"narrow":    {`{"type": "bandwidth", "attributes": {"rate": 24}}`}, // KB a second
	"half-open": {`{"type": "timeout", "attributes": {"timeout": 0}}`}, // connections stay, and nothing arrives
}

// spoil spoils the wire until mend is called.
func (w *wire) spoil(t *testing.T, how string) (mend func()) {
	t.Helper()
	toxics, known := spoils[how]
	require.True(t, known, how)
	if toxics == nil {
		w.proxy.Stop()
		return func() { require.NoError(t, w.proxy.Start()) }
	}
	for _, toxic := range toxics {
		for _, stream := range []string{"upstream", "downstream"} {
			_, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"stream": %q, %s`, stream, toxic[1:])))
			require.NoError(t, err)
		}
	}
	return func() { w.proxy.Toxics.ResetToxics(context.WithoutCancel(t.Context())) }
}
