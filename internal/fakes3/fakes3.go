// Package fakes3 is a server for tests that speaks S3, with conditional puts. It
// keeps its objects in memory, on a loopback port of its own.
package fakes3

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Server is a running server. Any credentials will do.
type Server struct {
	URL     string
	backend gofakes3.Backend
}

// Start serves until the test ends. It sets the environment that AWS's SDK
// wants, for this process and its children.
func Start(t *testing.T) *Server {
	t.Helper()
	backend := s3mem.New()
	s := &Server{backend: backend}
	web := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(web.Close)
	s.URL = web.URL
	for key, value := range Env() {
		t.Setenv(key, value)
	}
	return s
}

// Env is what a program needs to talk to the server.
func Env() map[string]string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
	}
}

// Bucket makes a bucket, and gives its URL with a prefix.
func (s *Server) Bucket(t *testing.T, name string) func(prefix string) string {
	t.Helper()
	if err := s.backend.CreateBucket(name); err != nil {
		t.Fatal(err)
	}
	return func(prefix string) string { return s.In(name, prefix) }
}

// In is the URL of a prefix in a bucket, whether that is there or not.
func (s *Server) In(bucket, prefix string) string {
	return fmt.Sprintf("s3://%s/%s?region=us-east-1&use_path_style=true&endpoint=%s", bucket, prefix, s.URL)
}
