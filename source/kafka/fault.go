package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// fault gives an error of the client its kind, and names the setting that may
// mend it. what says what was attempted. A fault stays what it is, and a
// caller who gave up gets the context's error.
func (s *Source) fault(ctx context.Context, err error, what string, args ...any) error {
	var known *pipeline.Fault
	var certificate *tls.CertificateVerificationError
	var plaintext tls.RecordHeaderError
	what = fmt.Sprintf(what, args...)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	case errors.Is(err, context.DeadlineExceeded): // ours, not the caller's
		err = errNoAnswer
	}
	switch {
	case unknownTopic(err), is(err, kerr.InconsistentTopicID, kerr.InvalidTopicException):
		return pipeline.Misconfiguredf(settingTopic, "%s on %s: %w; create the topic, or give another name", what, s.brokers(), err)
	case is(err, kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState):
		return pipeline.Misconfiguredf(settingSASL, "%s: log in to %s as %q: %w", what, s.brokers(), s.config.SASL.Username, err)
	case is(err, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.GroupAuthorizationFailed):
		return pipeline.Misconfiguredf(settingSASL,
			"%s as %q: %w; grant DESCRIBE and READ on the topic, and READ on the group", what, s.config.SASL.Username, err)
	case errors.As(err, &certificate), errors.As(err, &plaintext):
		return pipeline.Misconfiguredf(settingTLS, "%s: encrypt the connection to %s: %w", what, s.brokers(), err)
	case is(err, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.FencedInstanceID):
		return pipeline.Misconfiguredf(settingGroup, "%s: a consumer is using the group: %w; give a group of its own", what, err)
	}
	return &pipeline.Fault{
		Kind: pipeline.Transient, Setting: settingBrokers,
		Err: fmt.Errorf("%s on %s: %w; is Kafka up, reachable at the addresses that it advertises, and content with source.tls and source.sasl?", what, s.brokers(), err),
	}
}

func unknownTopic(err error) bool { return is(err, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID) }

func is(err error, any ...*kerr.Error) bool {
	for _, target := range any {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
