package iceberg

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestTheAddressOfARESTCatalog(t *testing.T) {
	tests := map[string]struct{ uri, problem string }{
		"a plain one is accepted":            {"http://localhost:8181", ""},
		"one with a path is accepted":        {"https://lake.example/api/catalog", ""},
		"it may name a warehouse":            {"https://lake.example/catalog?warehouse=main&scope=PRINCIPAL_ROLE:ALL", ""},
		"it may name where to log in":        {"https://lake.example?oauth2-server-uri=https%3A%2F%2Flogin.example%2Ftoken", ""},
		"other parameters are refused":       {"https://lake.example?wharehouse=main", "parameter wharehouse must be one of oauth2-server-uri, scope, warehouse"},
		"a parameter is given once":          {"https://lake.example?warehouse=a&warehouse=b", "with one value"},
		"another scheme is refused":          {"ftp://lake.example", "http:// or https://"},
		"a host is needed":                   {"https://", "with a host"},
		"a login at no address is refused":   {"https://lake.example?oauth2-server-uri=login", "parameter oauth2-server-uri: it must be http:// or https://"},
		"a password is refused and hidden":   {"https://me:hunter2@lake.example", settingCredential},
		"also where the address can't be so": {"https://me:hunter2@lake.example:port", "it is no URL"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.URI = tc.uri
			err := cfg.Validate()
			if tc.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.problem)
			require.ErrorContains(t, err, settingURI)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}
