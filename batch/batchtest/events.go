package batchtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

const customers = `{"type":"record","name":"customer","fields":[
 {"name":"id","type":"string"},
 {"name":"customer_id","type":"long"},
 {"name":"name","type":"string"},
 {"name":"email","type":"string"},
 {"name":"country","type":"string"},
 {"name":"plan","type":"string"},
 {"name":"age","type":["null","long"],"default":null},
 {"name":"monthly_spend","type":"double"},
 {"name":"active","type":"boolean"},
 {"name":"signup_date","type":{"type":"int","logicalType":"date"}},
 {"name":"event_time","type":{"type":"long","logicalType":"timestamp-micros"}}]}`

var customersSchema = sync.OnceValue(func() *schemas.Schema {
	s, err := schemas.Parse([]byte(customers))
	if err != nil {
		panic(err) // the text above is constant
	}
	return s
})

// Customers is the contract of the events that this package makes.
func Customers() *schemas.Schema { return customersSchema() }

// Countries and Plans are the values that events take.
var (
	Countries = []string{"US", "GB", "DE", "FR", "IN", "BR", "JP", "CA", "AU", "ES"}
	Plans     = []string{"free", "basic", "pro", "enterprise"}
)

// Rules are rules that the events of this package are graded by.
func Rules() batch.Rules {
	expect := func(kind, column string, severity dq.Severity, args map[string]any) dq.Expectation {
		kwargs := map[string]any{"column": column}
		for k, v := range args {
			kwargs[k] = v
		}
		return dq.Expectation{Type: kind, Kwargs: kwargs, Severity: severity}
	}
	plans := make([]any, len(Plans))
	for i, p := range Plans {
		plans[i] = p
	}
	return batch.Rules{
		Format: "json", EventTime: "event_time", AllowedLateness: 10 * time.Minute, Segments: []string{"country", "plan"},
		Suite: dq.Suite{Name: "customers", Expectations: []dq.Expectation{
			expect("expect_column_values_to_be_unique", "id", dq.Critical, nil),
			expect("expect_column_values_to_match_regex", "email", dq.Critical, map[string]any{"regex": `^[^@\s]+@[^@\s]+\.[a-z]+$`}),
			expect("expect_column_values_to_be_in_set", "plan", dq.Warning, map[string]any{"value_set": plans}),
			expect("expect_column_values_to_be_between", "age", dq.Critical, map[string]any{"min_value": int64(0), "max_value": int64(120)}),
			expect("expect_column_values_to_not_be_null", "age", dq.Info, nil),
		}},
	}
}

// Start is the Kafka time of the first event.
var Start = time.Date(2026, 11, 23, 23, 50, 0, 0, time.UTC)

// Event is the i-th event, conforming and clean, with the changes applied. A
// change to Absent removes the field.
func Event(i int, changes map[string]any) []byte {
	fields := map[string]any{
		"id": fmt.Sprintf("e-%06d", i), "customer_id": 1000 + i, "name": fmt.Sprintf("Name %d", i),
		"email": fmt.Sprintf("c%d@example.com", i), "country": Countries[i%len(Countries)], "plan": Plans[i%len(Plans)],
		"age": 18 + i%60, "monthly_spend": float64(i%100) + 0.25, "active": i%2 == 0, "signup_date": "2024-02-29",
		"event_time": Start.Add(time.Duration(i) * time.Second).Format(time.RFC3339Nano),
	}
	for k, v := range changes {
		fields[k] = v
		if v == Absent {
			delete(fields, k)
		}
	}
	var b strings.Builder
	for _, name := range fieldOrder(fields) {
		v, ok := fields[name]
		if !ok {
			continue
		}
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // the values are the tests' own
		}
		fmt.Fprintf(&b, ",%q:%s", name, text)
	}
	return []byte("{" + strings.TrimPrefix(b.String(), ",") + "}")
}

// fieldOrder is the schema's order, then the other names'.
func fieldOrder(fields map[string]any) []string {
	var order []string
	for _, f := range Customers().Fields {
		order = append(order, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	return order
}

type absent struct{}

// Absent removes a field from an event.
var Absent = absent{}

// Random is a topic of n events over three partitions, with all that may be
// wrong with them, holes in the offsets, keys, and event times over some days.
// The same seed gives the same topic.
func Random(seed uint64, n int) Topic {
	r := rand.New(rand.NewPCG(seed, 1))
	t := Topic{}
	for i := range n {
		p := int32(r.IntN(3))
		at := Start.Add(time.Duration(i) * time.Second)
		t.Add(p, at.UnixMilli(), random(r, i, at))
		last := &t[p][len(t[p])-1]
		last.Offset += int64(r.IntN(20) / 19 * r.IntN(50)) // a hole now and then
		if r.IntN(4) > 0 {
			last.Key = fmt.Appendf(nil, "k%d", i%17)
		}
	}
	return t
}

func random(r *rand.Rand, i int, at time.Time) []byte {
	whole := Event(i, nil)
	broken := [][]byte{nil, {}, whole[:len(whole)-3], append(whole, " x"...), []byte("\x80\xff{}"), []byte("[1]"), []byte(`{"id":012}`)}
	changes := []map[string]any{
		{"age": "forty"}, {"age": nil}, {"email": Absent}, {"name": nil}, {"customer_id": 1.5}, {"active": "yes"},
		{"email": "nobody"}, {"plan": "gold"}, {"age": 200}, {"id": "e-000001"}, {"loyalty_tier": "gold"}, {"loyalty_tier": nil},
		{"extra": map[string]any{"a": []int{1}}}, {"event_time": at.Add(-time.Hour).UnixMicro()}, {"event_time": at.AddDate(0, 0, -2).Format(time.RFC3339)},
		{"event_time": Absent}, {"signup_date": 19000}, {"signup_date": "2026-02-30"}, {"name": "Zoë \"Q\" \\ 日本\n"}, {"country": nil},
		{"monthly_spend": -1e300}, {"email": "nobody", "age": "x"},
	}
	switch k := r.IntN(100); {
	case k < 4:
		return broken[r.IntN(len(broken))]
	case k < 30:
		return Event(i, changes[r.IntN(len(changes))])
	}
	return whole
}
