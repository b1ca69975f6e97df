package generator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// customers are the events of schemas/customers.avsc.
var customers = dataset{
	name:     "customer",
	fields:   []string{"id", "customer_id", "name", "email", "country", "plan", "age", "monthly_spend", "active", "signup_date", "event_time"},
	time:     "event_time",
	format:   func(at time.Time) string { return at.UTC().Format(`"2006-01-02T15:04:05.000000Z"`) },
	additive: "loyalty_tier",
	extra:    []string{`"bronze"`, `"silver"`, `"gold"`, `"platinum"`, "null"},
	typed:    "age",
	retype:   func(d *dice) string { return strconv.FormatInt(18+d.below(70), 10) },
	required: "email",
	fill:     customer,
	breaks: []func(*record, *dice){
		func(r *record, d *dice) {
			r.text("email", pick(d, []string{"not-an-email", "@example.com", "name@nowhere", "two words@example.com"}))
		},
		func(r *record, d *dice) { r.text("plan", pick(d, []string{"gold", "trial", "FREE", ""})) },
		func(r *record, d *dice) { r.set("age", pick(d, []string{"-1", "121", "430", "-30"})) },
		func(r *record, d *dice) { r.cents("monthly_spend", -1-d.below(50_000)) },
	},
}

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

// epoch is the first day that a customer may have signed up on.
var epoch = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

// customer makes a customer's fields.
func customer(_ *maker, _ int64, country string, d *dice, r *record) {
	r.text("id", uuid(d))
	r.key = 100_000 + d.below(900_000)
	r.int("customer_id", r.key)
	r.text("country", country)
	r.text("plan", pick(d, plans))
	r.int("age", 18+d.below(70))
	r.cents("monthly_spend", d.below(200_000))
	r.set("active", strconv.FormatBool(d.below(10) > 0))
	r.text("signup_date", epoch.AddDate(0, 0, int(d.below(3650))).Format(time.DateOnly))
	if d.below(33) == 0 {
		r.set("age", "null") // which the schema allows
	}
	first, last := pick(d, firstNames), pick(d, lastNames)
	r.text("name", first+" "+last)
	r.text("email", ascii.Replace(strings.ToLower(first+"."+last))+strconv.FormatInt(d.below(1000), 10)+"@"+pick(d, domains))
}

// uuid is random, of version 4.
func uuid(d *dice) string {
	hi, lo := d.next(), d.next()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0b11<<62) | 0b10<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}
