package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// TLS encrypts the connection. Files are read at each connection, so renewed
// certificates need no restart.
type TLS struct {
	Enabled  bool   `yaml:"enabled"`
	CAFile   string `yaml:"ca_file"`   // PEM; default the system's authorities
	CertFile string `yaml:"cert_file"` // PEM, for brokers that ask for a client certificate
	KeyFile  string `yaml:"key_file"`  // PEM, goes with cert_file
}

// The SASL mechanisms.
const (
	mechanismPlain    = "plain"
	mechanismScram256 = "scram-sha-256"
	mechanismScram512 = "scram-sha-512"
)

// SASL logs in. The password is in a file, so that no declaration holds one.
type SASL struct {
	Mechanism    string `yaml:"mechanism"` // plain, scram-sha-256 or scram-sha-512; empty is no login
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"` // a newline at its end doesn't count
}

func (t TLS) validate() error {
	var errs []error
	if !t.Enabled && t != (TLS{}) {
		errs = append(errs, pipeline.Misconfiguredf(settingTLS+".enabled", "use the given certificates: TLS is not enabled"))
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		errs = append(errs, pipeline.Misconfiguredf(settingTLS, "use a client certificate: cert_file and key_file go together"))
	}
	return errors.Join(errs...)
}

func (s SASL) validate() error {
	if s == (SASL{}) {
		return nil
	}
	var errs []error
	if !slices.Contains([]string{mechanismPlain, mechanismScram256, mechanismScram512}, s.Mechanism) {
		errs = append(errs, pipeline.Misconfiguredf(settingSASL+".mechanism",
			"log in with mechanism %q: it is plain, scram-sha-256 or scram-sha-512", s.Mechanism))
	}
	if s.Username == "" || s.PasswordFile == "" {
		errs = append(errs, pipeline.Misconfiguredf(settingSASL, "log in: username and password_file are both needed"))
	}
	return errors.Join(errs...)
}

// options reads the files that the settings name.
func (t TLS) options() ([]kgo.Opt, error) {
	if !t.Enabled {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, pipeline.Misconfiguredf(settingTLS+".ca_file", "read the certificate authorities: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, pipeline.Misconfiguredf(settingTLS+".ca_file", "read the certificate authorities: %s holds no PEM certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, pipeline.Misconfiguredf(settingTLS, "read the client certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return []kgo.Opt{kgo.DialTLSConfig(conf)}, nil
}

func (s SASL) options() ([]kgo.Opt, error) {
	if s.Mechanism == "" {
		return nil, nil
	}
	b, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return nil, pipeline.Misconfiguredf(settingSASL+".password_file", "read the password: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	switch s.Mechanism {
	case mechanismScram256:
		return []kgo.Opt{kgo.SASL(scram.Auth{User: s.Username, Pass: password}.AsSha256Mechanism())}, nil
	case mechanismScram512:
		return []kgo.Opt{kgo.SASL(scram.Auth{User: s.Username, Pass: password}.AsSha512Mechanism())}, nil
	}
	return []kgo.Opt{kgo.SASL(plain.Auth{User: s.Username, Pass: password}.AsMechanism())}, nil
}
