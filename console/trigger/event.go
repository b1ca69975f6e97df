package trigger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Event is what a notification says.
type Event struct {
	Pipeline string // empty: it names none
	Key      string // the same one starts one run; empty: it has none
}

// maxID bounds an event's own ID, in bytes.
const maxID = 4096

// plainKey are the keys that a workflow's ID shows as they are.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@|+=#-]{0,159}$`)

// hashed marks a key that stands for one that can't be shown.
const hashed = "sha256-"

// Key is an ID as part of a workflow's ID: itself if it is short and plain,
// else its hash, so that two IDs never share a key.
func Key(id string) string {
	if id == "" || (plainKey.MatchString(id) && !strings.HasPrefix(id, hashed)) {
		return id
	}
	h := sha256.Sum256([]byte(id))
	return hashed + hex.EncodeToString(h[:16])
}

// message is what is read of a body, whichever of the formats it is in.
type message struct {
	ID          json.RawMessage `json:"id"`
	Pipeline    json.RawMessage `json:"pipeline"`
	SpecVersion string          `json:"specversion"`
	Source      string          `json:"source"`
	Subject     string          `json:"subject"`
	Records     []objectEvent   `json:"Records"`
}

// objectEvent is a record of an object store's notification: what tells it from
// another, and is the same when it is sent again.
type objectEvent struct {
	EventName        string `json:"eventName"`
	EventTime        string `json:"eventTime"`
	ResponseElements struct {
		Request string `json:"x-amz-request-id"`
	} `json:"responseElements"`
	S3 struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Version   string `json:"versionId"`
			ETag      string `json:"eTag"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"s3"`
}

// Read understands CloudEvents 1.0 (structured, or binary with its attributes
// given by attribute), S3's and MinIO's event notifications, and
// {"pipeline":"…","id":"…"}. A body in none of these formats is an event
// without a key; an ID that is neither text nor number, or too long, is a
// BadData fault.
func Read(attribute func(name string) string, body []byte) (Event, error) {
	if id := attribute("id"); id != "" && attribute("specversion") != "" {
		key, err := idKey(attribute("source") + "|" + id)
		return Event{Pipeline: attribute("subject"), Key: key}, err
	}
	var m message
	if json.Unmarshal(body, &m) != nil {
		return Event{}, nil //nolint:nilerr // another format, which says nothing to us
	}
	if len(m.Records) > 0 && m.Records[0].S3.Bucket.Name != "" {
		return Event{Pipeline: text(m.Pipeline), Key: objectsKey(m.Records)}, nil
	}
	id, err := idText(m.ID)
	if err != nil || id == "" {
		return Event{Pipeline: text(m.Pipeline)}, err
	}
	e := Event{Pipeline: text(m.Pipeline)}
	if m.SpecVersion != "" { // an ID counts within its source
		id, e.Pipeline = m.Source+"|"+id, m.Subject
	}
	e.Key, err = idKey(id)
	return e, err
}

func idKey(id string) (string, error) {
	if len(id) > maxID {
		return "", pipeline.Faultf(pipeline.BadData, "read a notification: its ID has %d bytes; at most %d are taken", len(id), maxID)
	}
	return Key(id), nil
}

// idText is an ID as it is written; null is none.
func idText(raw json.RawMessage) (string, error) {
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
		return "", nil
	case raw[0] == '"':
		return text(raw), nil
	case raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'):
		return string(raw), nil
	}
	return "", pipeline.Faultf(pipeline.BadData, "read a notification: its id is neither text nor number; send one, or the header Idempotency-Key")
}

// text is a JSON string's; what is none is empty.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// objectsKey is the hash of what a notification's records are about.
func objectsKey(records []objectEvent) string {
	b, _ := json.Marshal(records) // texts always encode
	h := sha256.Sum256(b)
	return "s3-" + hex.EncodeToString(h[:16])
}
