package generator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// orderEvent is an order as a consumer that never saw the generator reads it.
type orderEvent struct {
	OrderID    int64           `json:"order_id"`
	CustomerID int64           `json:"customer_id"`
	Status     string          `json:"status"`
	Currency   *string         `json:"currency"`
	Amount     json.RawMessage `json:"amount"`
	Items      int32           `json:"items"`
	Discount   *float64        `json:"discount"`
	Country    string          `json:"shipping_country"`
	Code       string          `json:"tracking_code"`
	PlacedOn   string          `json:"placed_on"`
	CreatedAt  int64           `json:"created_at"`
	Notes      *string         `json:"notes"`
	Metadata   struct {
		Campaign *int64 `json:"campaign"`
	} `json:"metadata"`
	Channel json.RawMessage `json:"sales_channel"`
}

var trackingCode = regexp.MustCompile(`^[A-Z]{2}[0-9]{9}[A-Z]{2}$`)

func countOrders(t *testing.T, c generator.Config) counts {
	t.Helper()
	n := counts{}
	seen := map[int64]bool{}
	for e := range c.Events() {
		var o orderEvent
		if !utf8.Valid(e.Value) || json.Unmarshal(e.Value, &o) != nil {
			n.Malformed++
			continue
		}
		n.order(t, o, e)
		if seen[o.OrderID] {
			n.Repeated++
		}
		seen[o.OrderID] = true
	}
	return n
}

func (n *counts) order(t *testing.T, o orderEvent, e generator.Event) {
	t.Helper()
	if fmt.Sprint(o.CustomerID) != string(e.Key) {
		t.Errorf("key %q of customer %d", e.Key, o.CustomerID)
	}
	if o.Metadata.Campaign == nil || o.Items < 1 {
		t.Errorf("no campaign, or %d items, in %s", o.Items, e.Value)
	}
	if o.Channel != nil {
		n.Extra++
	}
	var amount float64
	if json.Unmarshal(o.Amount, &amount) != nil {
		n.AgeText++
	}
	bad := amount < 0 || !trackingCode.MatchString(o.Code) ||
		!slices.Contains([]string{"placed", "paid", "shipped", "delivered", "cancelled", "returned"}, o.Status)
	if o.Currency == nil {
		n.NoEmail++
	} else {
		bad = bad || !slices.Contains([]string{"USD", "GBP", "EUR", "INR", "BRL", "JPY", "CAD", "AUD"}, *o.Currency)
	}
	if bad {
		n.Bad++
	}
	switch lateness := e.Timestamp.Sub(time.UnixMilli(o.CreatedAt)); {
	case lateness >= time.Hour && lateness <= 6*time.Hour+time.Millisecond:
		n.Late++
	case lateness < 0 || lateness > 5*time.Second+time.Millisecond:
		t.Errorf("lateness %s", lateness)
	}
	if _, err := time.Parse(time.DateOnly, o.PlacedOn); err != nil {
		t.Error(err)
	}
}

func TestOrdersHaveTheSameAnomaliesAsCustomers(t *testing.T) {
	c := base(5000)
	c.Dataset = "order"
	c.AdditiveShare, c.TypeShare, c.MissingShare, c.LateShare = 0.11, 0.07, 0.03, 0.2
	c.BadShare, c.MalformedShare, c.DuplicateShare = 0.05, 0.01, 0.04
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	want := counts{Extra: 550, AgeText: 350, NoEmail: 150, Late: 1000, Bad: 250, Malformed: 50, Repeated: 200}
	if got := countOrders(t, c); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %+v, want %+v", got, want)
	}
	if first, again := hash(c), hash(c); first != again {
		t.Error("two runs differ")
	}
}

func TestTheGeneratorServesTheDeclaredSchemas(t *testing.T) {
	tests := map[string]struct {
		schema string
		ok     bool
	}{
		"customers":                            {file(t, "../schemas/customers.avsc"), true},
		"orders":                               {file(t, "../schemas/orders.avsc"), true},
		"a schema that it doesn't know":        {`{"type":"record","name":"parcel","fields":[{"name":"id","type":"long"}]}`, false},
		"a required field that it never makes": {`{"type":"record","name":"order","fields":[{"name":"weight","type":"long"}]}`, false},
		"a nullable one":                       {`{"type":"record","name":"order","fields":[{"name":"weight","type":["null","long"],"default":null}]}`, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := schemas.Parse([]byte(tc.schema))
			if err != nil {
				t.Fatal(err)
			}
			if err := generator.Serves(s); (err == nil) != tc.ok {
				t.Errorf("Serves = %v", err)
			}
		})
	}
}

func file(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
