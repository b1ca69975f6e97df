package generator

import (
	"fmt"
	"strconv"
	"time"
)

// orders are the events of schemas/orders.avsc. Their times are integers, and
// one of their fields is JSON.
var orders = dataset{
	name:     "order",
	fields:   []string{"order_id", "customer_id", "status", "currency", "amount", "items", "discount", "shipping_country", "tracking_code", "placed_on", "created_at", "notes", "metadata"},
	time:     "created_at",
	format:   func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) },
	additive: "sales_channel",
	extra:    []string{`"web"`, `"app"`, `"store"`, `"phone"`, "null"},
	typed:    "amount",
	retype:   func(d *dice) string { return strconv.FormatFloat(float64(100+d.below(50_000))/100, 'f', 2, 64) },
	required: "currency",
	fill:     order,
	breaks: []func(*record, *dice){
		func(r *record, d *dice) { r.text("status", pick(d, []string{"lost", "PAID", "", "unknown"})) },
		func(r *record, d *dice) { r.text("currency", pick(d, []string{"XXX", "usd", "$", ""})) },
		func(r *record, d *dice) { r.cents("amount", -1-d.below(50_000)) },
		func(r *record, d *dice) {
			r.text("tracking_code", pick(d, []string{"AB12345", "none", "ab123456789gb", ""}))
		},
	},
}

var (
	statuses   = []string{"placed", "placed", "paid", "paid", "shipped", "delivered", "delivered", "cancelled", "returned"}
	currencies = map[string]string{"US": "USD", "GB": "GBP", "DE": "EUR", "FR": "EUR", "IN": "INR", "BR": "BRL", "JP": "JPY", "CA": "CAD", "AU": "AUD", "ES": "EUR"}
	notes      = []string{"null", "null", "null", `"leave it with the neighbour"`, `"a gift: no invoice in the parcel"`, `"ring twice"`}
)

// order makes an order's fields. Its number is unique among a configuration's
// events.
func order(m *maker, index int64, country string, d *dice, r *record) {
	r.key = 100_000 + d.below(900_000)
	r.int("order_id", int64(mix(m.Seed)>>24)+index)
	r.int("customer_id", r.key)
	r.text("status", pick(d, statuses))
	r.text("currency", currencies[country])
	r.cents("amount", 100+d.below(90_000))
	r.int("items", 1+d.below(12))
	r.set("discount", "null") // which the schema allows
	if d.below(4) == 0 {
		r.cents("discount", 5*(1+d.below(10)))
	}
	r.text("shipping_country", country)
	r.text("tracking_code", fmt.Sprintf("%c%c%09d%s", 'A'+rune(d.below(26)), 'A'+rune(d.below(26)), d.below(1_000_000_000), country))
	r.text("placed_on", m.Start.UTC().AddDate(0, 0, -int(d.below(14))).Format(time.DateOnly))
	r.set("notes", pick(d, notes))
	r.set("metadata", fmt.Sprintf(`{"campaign":%d,"tags":["%s"]}`, d.below(40), pick(d, []string{"new", "returning", "vip"})))
}
