package agent

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"unicode"
)

// fence marks text from outside in a prompt. The token is new for every
// proposal, so nothing in the data can have been written to close the fence.
type fence struct{ token string }

// newToken draws a fence's token.
func newToken() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return hex.EncodeToString(b[:])
}

// text quotes a text from outside, n runes of it at most.
func (f fence) text(s string, n int) string {
	s = strings.ReplaceAll(plain(s), f.token, "")
	return "<" + f.token + ">" + clip(s, n) + "</" + f.token + ">"
}

func (f fence) name(s string) string { return f.text(s, maxName) }

func (f fence) names(all []string) string {
	out := make([]string, 0, len(all))
	for _, s := range all[:min(len(all), maxNames)] {
		out = append(out, f.name(s))
	}
	return strings.Join(out, " ")
}

// plain drops what can't be seen: a text must not look otherwise to a model
// than to the person who reads the log.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs) || unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
