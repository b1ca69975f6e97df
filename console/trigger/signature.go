package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync"
	"time"
)

// The headers of a signed call: those that alerting's webhook sends.
const (
	// HeaderTimestamp carries the time of sending, in seconds since the epoch.
	HeaderTimestamp = "X-Pipeline-Timestamp"
	// HeaderSignature carries "v1=" and the hexadecimal HMAC-SHA256, keyed with
	// TRIGGER_SECRET, of "<timestamp>.<body>".
	HeaderSignature = "X-Pipeline-Signature"
)

// How far a signature's time may be off.
const (
	maxAge  = 5 * time.Minute
	maxSkew = 30 * time.Second // of a sender whose clock is ahead
)

// maxSeen bounds the signatures that are remembered. Only who knows the secret
// can fill it.
const maxSeen = 50_000

// Sign is the signature of a call with this timestamp and body.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// verify reports whether somebody who knows the secret signed this, and lately.
func verify(secret, timestamp, signature string, body []byte, now time.Time) bool {
	good := secret != "" && hmac.Equal([]byte(signature), []byte(Sign(secret, timestamp, body)))
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || !good {
		return false
	}
	at := time.Unix(seconds, 0)
	return !at.Before(now.Add(-maxAge)) && !at.After(now.Add(maxSkew))
}

// seen remembers the signatures that were used, for as long as they would count.
type seen struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// use reports whether a signature wasn't used yet, and whether there was room to
// remember it.
func (s *seen) use(signature string, now time.Time) (fresh, room bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until, ok := s.until[signature]; ok && now.Before(until) {
		return false, true
	}
	if len(s.until) >= maxSeen {
		for k, until := range s.until {
			if !now.Before(until) {
				delete(s.until, k)
			}
		}
	}
	if len(s.until) >= maxSeen {
		return true, false
	}
	s.until[signature] = now.Add(maxAge + maxSkew + time.Second)
	return true, true
}

// forget lets a signature be used again: nothing came of it.
func (s *seen) forget(signature string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, signature)
}
