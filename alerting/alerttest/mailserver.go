package alerttest

import (
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// MailServer is a far end that speaks SMTP without TLS, on loopback. It is safe
// for concurrent use.
type MailServer struct {
	Host, Port string

	mu      sync.Mutex
	trouble Trouble
	refuse  map[string]string // answer by command: "RCPT": "550 no such user"
	got     []string
}

// NewMailServer starts one that takes every mail, until the test ends.
func NewMailServer(t *testing.T) *MailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &MailServer{Host: host, Port: port, refuse: map[string]string{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go s.talk(textproto.NewConn(c))
		}
	}()
	return s
}

// Break makes it fail from now on. None mends it.
func (s *MailServer) Break(t Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = t
}

// Refuse makes it answer a command so.
func (s *MailServer) Refuse(command, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse[command] = answer
}

// Mails are those that it took, as they came over the wire, lines ending in LF.
func (s *MailServer) Mails() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

func (s *MailServer) talk(c *textproto.Conn) {
	defer func() { _ = c.Close() }()
	if s.answer(c, "") != nil {
		return
	}
	for {
		l, err := c.ReadLine()
		if err != nil {
			return
		}
		command, _, _ := strings.Cut(strings.ToUpper(l), " ")
		if s.answer(c, command) != nil || command == "QUIT" {
			return
		}
	}
}

// answers by command; what isn't here is fine with 250.
var answers = map[string]string{"": "220 mail", "EHLO": "250-mail\r\n250-8BITMIME\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "DATA": "354 go on", "QUIT": "221 bye"}

// troubles by the command that they strike, and the answer.
var troubles = map[Trouble][2]string{ServerError: {"DATA", "451 out of order"}, Busy: {"RCPT", "450 4.7.1 come back later"}, Rejected: {"RCPT", "550 no such user"}}

// answer says what belongs to the command. An error ends the connection.
func (s *MailServer) answer(c *textproto.Conn, command string) error {
	s.mu.Lock()
	trouble, refusal := s.trouble, s.refuse[command]
	s.mu.Unlock()
	switch {
	case trouble == Dropped && command == "DATA":
		return net.ErrClosed
	case trouble == Slow:
		_, err := c.ReadLine() // until the other side hangs up
		for err == nil {
			_, err = c.ReadLine()
		}
		return err
	case troubles[trouble][0] == command && trouble != None:
		refusal = troubles[trouble][1]
	}
	if refusal != "" {
		return c.PrintfLine("%s", refusal)
	}
	text := answers[command]
	if text == "" {
		text = "250 fine"
	}
	if err := c.PrintfLine("%s", text); err != nil || command != "DATA" {
		return err
	}
	mail, err := c.ReadDotBytes()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.got = append(s.got, string(mail))
	s.mu.Unlock()
	return c.PrintfLine("250 taken")
}
