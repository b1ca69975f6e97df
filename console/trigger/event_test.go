package trigger_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console/trigger"
)

const object = `{"Records":[{"eventName":"s3:ObjectCreated:Put","eventTime":"2026-11-23T09:00:00Z","responseElements":{"x-amz-request-id":"REQ"},
	"s3":{"bucket":{"name":"landing"},"object":{"key":"KEY","eTag":"abc","sequencer":"17"}}}]}`

func attributes(of map[string]string) func(string) string {
	return func(name string) string { return of[name] }
}

func TestEventsAreUnderstood(t *testing.T) {
	binary := map[string]string{"specversion": "1.0", "id": "7", "source": "/shop", "subject": "customers"}
	tests := map[string]struct {
		attributes map[string]string
		body       string
		want       trigger.Event
	}{
		"plain":                              {nil, `{"pipeline":"customers","id":"7"}`, trigger.Event{Pipeline: "customers", Key: "7"}},
		"a number is an ID":                  {nil, `{"id":7}`, trigger.Event{Key: "7"}},
		"a structured CloudEvent":            {nil, `{"specversion":"1.0","id":"7","source":"/shop","subject":"customers","data":{"id":"8"}}`, trigger.Event{Pipeline: "customers", Key: trigger.Key("/shop|7")}},
		"a binary CloudEvent":                {binary, `{"id":"8"}`, trigger.Event{Pipeline: "customers", Key: trigger.Key("/shop|7")}},
		"an attribute without its version":   {map[string]string{"id": "7"}, `{"id":"8"}`, trigger.Event{Key: "8"}},
		"another format has no key":          {nil, `<xml/>`, trigger.Event{}},
		"a list of something else":           {nil, `{"Records":[{"x":1}],"id":"7"}`, trigger.Event{Key: "7"}},
		"a pipeline that is no text is none": {nil, `{"pipeline":["customers"],"id":"7"}`, trigger.Event{Key: "7"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := trigger.Read(attributes(tc.attributes), []byte(tc.body))
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestACloudEventsIDCountsWithinItsSource(t *testing.T) {
	one, err := trigger.Read(attributes(nil), []byte(`{"specversion":"1.0","id":"7","source":"a"}`))
	require.NoError(t, err)
	other, err := trigger.Read(attributes(nil), []byte(`{"specversion":"1.0","id":"7","source":"b"}`))
	require.NoError(t, err)
	require.NotEqual(t, one.Key, other.Key)
}

func TestAnObjectStoresNotification(t *testing.T) {
	read := func(change ...string) string {
		e, err := trigger.Read(attributes(nil), []byte(strings.NewReplacer(change...).Replace(object)))
		require.NoError(t, err)
		require.Regexp(t, "^s3-[0-9a-f]{32}$", e.Key)
		return e.Key
	}
	require.Equal(t, read(), read(`"eventName"`, `"awsRegion":"x","eventName"`), "sent again it is the same, whatever else it says")
	require.NotEqual(t, read(), read("KEY", "other.json"))
	require.NotEqual(t, read(), read(`"17"`, `"18"`), "the object was written again")
	require.NotEqual(t, read(), read("landing", "elsewhere"))
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{object, `{"id":"7"}`, `{"id":-1e9}`, `{"specversion":"1.0","id":"7","source":"/a"}`, `{"id":"sha256-x"}`, "\xff", `{"id":"é"}`} {
		f.Add([]byte(s), "", "")
		f.Add([]byte("{}"), s, "/shop")
	}
	shape := regexp.MustCompile(`^[[:graph:]]{1,160}$`)
	f.Fuzz(func(t *testing.T, body []byte, id, source string) {
		e, err := trigger.Read(attributes(map[string]string{"specversion": "1.0", "id": id, "source": source}), body)
		if err == nil && e.Key != "" && !shape.MatchString(e.Key) {
			t.Fatalf("Read(%q) gives a key that is no part of a workflow's ID: %q", body, e.Key)
		}
		again, _ := trigger.Read(attributes(map[string]string{"specversion": "1.0", "id": id, "source": source}), body)
		if again != e {
			t.Fatalf("Read(%q) = %v, then %v", body, e, again)
		}
	})
}

func FuzzKeysAreNeverShared(f *testing.F) {
	f.Add("7", "8")
	f.Add("a b", "a_b")
	f.Add("sha256-ab", "é")
	f.Fuzz(func(t *testing.T, a, b string) {
		if (trigger.Key(a) == trigger.Key(b)) != (a == b) {
			t.Fatalf("Key(%q) = %q, Key(%q) = %q", a, trigger.Key(a), b, trigger.Key(b))
		}
		if _, err := json.Marshal(trigger.Key(a)); err != nil {
			t.Fatal(err)
		}
	})
}
