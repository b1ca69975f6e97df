package generator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// fields are the schema's, in its order.
var fields = []string{"id", "customer_id", "name", "email", "country", "plan", "age", "monthly_spend", "active", "signup_date", "event_time"}

var (
	firstNames = []string{
		"Amelia", "Benjamin", "Chiara", "Daniel", "Eleanor", "Françoise", "Gabriel", "Hannah", "Ingrid", "João", "Katharina", "Leonardo",
		"Matilda", "Nathaniel", "Olivia", "Priya", "Quentin", "Rosalind", "Sebastián", "Takeshi", "Ursula", "Valentina", "Wilhelmina", "Yuki", "Zoë",
	}
	lastNames = []string{
		"Anderson", "Bergström", "Castellano", "Dubois", "Evangelista", "Fernández", "Gupta", "Hernandez", "Ishikawa", "Johansson", "Kowalski",
		"Lindqvist", "Montgomery", "Nakamura", "O'Sullivan", "Papadopoulos", "Richardson", "Schröder", "Takahashi", "Vasquez", "Whitfield", "Zimmermann",
	}
	domains = []string{"example.com", "example.org", "example.net", "mail.example.com", "shop.example.co.uk"}
	plans   = []string{"free", "free", "free", "basic", "basic", "pro", "enterprise"}
	ascii   = strings.NewReplacer("ç", "c", "ã", "a", "á", "a", "ë", "e", "ö", "o", "'", "")
)

// customer is an event before it is written.
type customer struct {
	id                string
	customerID        int64
	name, email       string // no email: the field is missing
	country, plan     string
	age               string // as JSON
	spendCents        int64
	active            bool
	signup, eventTime time.Time
	extraField, extra string // as JSON
}

// epoch is the first day that a customer may have signed up on.
var epoch = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

// customer makes the fields of an event, but for its time.
func (m *maker) customer(index int64) *customer {
	d := newDice(m.Seed, streamFields, index)
	n := int64(len(Countries))
	rank := m.countries.rank(index)
	e := &customer{
		id:         uuid(d),
		customerID: 100_000 + d.below(900_000),
		country:    Countries[rank%n],
		plan:       pick(d, plans),
		age:        strconv.FormatInt(18+d.below(70), 10),
		spendCents: d.below(200_000),
		active:     d.below(10) > 0,
		signup:     epoch.AddDate(0, 0, int(d.below(3650))),
	}
	if d.below(33) == 0 {
		e.age = "null" // which the schema allows
	}
	first, last := pick(d, firstNames), pick(d, lastNames)
	e.name = first + " " + last
	e.email = ascii.Replace(strings.ToLower(first+"."+last)) + strconv.FormatInt(d.below(1000), 10) + "@" + pick(d, domains)
	if e.country == m.BadCountry && rank/n < m.badRanks {
		e.breakRule(rank/n, d)
	}
	return e
}

// uuid is random, of version 4.
func uuid(d *dice) string {
	hi, lo := d.next(), d.next()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0b11<<62) | 0b10<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

// json writes the event. No value needs an escape.
func (e *customer) json() []byte {
	b := make([]byte, 0, 384)
	b = append(b, `{"id":"`...)
	b = append(b, e.id...)
	b = strconv.AppendInt(append(b, `","customer_id":`...), e.customerID, 10)
	b = text(b, "name", e.name)
	if e.email != "" {
		b = text(b, "email", e.email)
	}
	b = text(b, "country", e.country)
	b = text(b, "plan", e.plan)
	b = append(append(b, `,"age":`...), e.age...)
	b = strconv.AppendFloat(append(b, `,"monthly_spend":`...), float64(e.spendCents)/100, 'f', 2, 64)
	b = strconv.AppendBool(append(b, `,"active":`...), e.active)
	b = text(b, "signup_date", e.signup.Format(time.DateOnly))
	b = text(b, "event_time", e.eventTime.UTC().Format("2006-01-02T15:04:05.000000Z"))
	if e.extraField != "" {
		b = append(append(append(append(b, `,"`...), e.extraField...), `":`...), e.extra...)
	}
	return append(b, '}')
}

func text(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":"`...)
	return append(append(b, value...), '"')
}
