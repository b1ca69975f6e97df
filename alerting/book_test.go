package alerting

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday

func opened(n int) Alert {
	return Alert{ID: fmt.Sprintf("inc-%d/opened", n), Group: fmt.Sprintf("inc-%d", n), Incident: fmt.Sprintf("inc-%d", n), Event: EventOpened, Pipeline: "customers", Severity: "critical", Title: fmt.Sprintf("held %d", n), OpenedAt: t0}
}

func then(a Alert, e Event) Alert {
	a.ID, a.Event = a.Group+"/"+string(e), e
	return a
}

func notice(n int) Alert {
	return Alert{ID: fmt.Sprintf("dec-%d/notify", n), Group: "customers/one country", Event: EventNotice, Pipeline: "customers", Severity: "warning", Title: "one country"}
}

// talk is a book with a clock.
type talk struct {
	Book
	s        Settings
	channels []string
	now      time.Time
}

func newTalk() *talk {
	return &talk{s: DefaultSettings(), channels: []string{"log", "slack"}, now: t0}
}

func (k *talk) take(alerts ...Alert) {
	for _, a := range alerts {
		k.Take(k.s, k.channels, a, k.now)
	}
}

// said is what is sent now, as channel: ID.
func (k *talk) said() []string {
	var out []string
	for _, m := range k.due() {
		out = append(out, m.Channel+": "+m.Alert.ID)
	}
	slices.Sort(out)
	return out
}

// due is all that is sent now, one after the other.
func (k *talk) due() (out []Message) {
	for {
		more := k.Due(k.s, "customers", k.now, nil)
		if len(more) == 0 {
			return out
		}
		out = append(out, more...)
	}
}

func TestAnIncidentsLifeIsToldOnce(t *testing.T) {
	k := newTalk()
	k.channels = []string{"slack"}
	i := opened(1)
	k.take(i, i)
	require.Equal(t, []string{"slack: inc-1/opened"}, k.said())
	k.take(i)
	require.Empty(t, k.said(), "a repeat is no news")
	k.now = k.now.Add(4 * time.Hour)
	k.take(then(i, EventReminder))
	require.Equal(t, []string{"slack: inc-1/reminder"}, k.said())
	k.take(then(i, EventAcknowledged))
	require.Equal(t, []string{"slack: inc-1/acknowledged"}, k.said())
	require.True(t, k.Open())
	k.take(then(i, EventResolved))
	require.Equal(t, []string{"slack: inc-1/resolved"}, k.said())
	require.False(t, k.Open())
	_, waits := k.Next(k.s, nil)
	require.False(t, waits)
}

func TestWhatIsResolvedBeforeAnybodyWasToldIsToldToNobody(t *testing.T) {
	k := newTalk()
	k.s.Quiet = Quiet{From: "11:00", To: "13:00"}
	i := opened(1)
	i.Severity = "warning"
	k.take(i)
	require.Empty(t, k.said(), "it is quiet")
	at, waits := k.Next(k.s, nil)
	require.True(t, waits)
	require.Equal(t, t0.Add(time.Hour), at)
	k.take(then(i, EventAcknowledged), then(i, EventResolved))
	k.now = at
	require.Empty(t, k.said())
	require.False(t, k.Open())
}

func TestNoticesOfOneMatterAreTogether(t *testing.T) {
	k := newTalk()
	k.channels = []string{"slack"}
	k.take(notice(0))
	require.Equal(t, []string{"slack: dec-0/notify"}, k.said())
	for n := 1; n <= 40; n++ {
		k.now = k.now.Add(time.Minute)
		k.take(notice(n))
		require.Empty(t, k.said())
	}
	at, _ := k.Next(k.s, nil)
	require.Equal(t, t0.Add(time.Hour), at)
	k.now = at
	got := k.due()
	require.Len(t, got, 1)
	require.Equal(t, 40, got[0].Alert.Count)
	require.Equal(t, "dec-40/notify", got[0].Alert.ID)
	k.now = k.now.Add(2 * time.Hour)
	k.take(notice(99))
	require.Equal(t, []string{"slack: dec-99/notify"}, k.said(), "later it is news again")
}

func TestQuietHours(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return v.UTC()
	}
	night := Quiet{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin"}
	tests := map[string]struct {
		quiet Quiet
		now   string
		want  string
	}{
		"by day nothing waits":                  {night, "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"},
		"in the evening until the next morning": {night, "2026-11-23T21:00:00Z", "2026-11-24T06:00:00Z"},
		"after midnight until the morning":      {night, "2026-11-24T01:00:00Z", "2026-11-24T06:00:00Z"},
		"the first minute is quiet":             {night, "2026-11-23T21:00:00Z", "2026-11-24T06:00:00Z"},
		"the end is not":                        {night, "2026-11-24T06:00:00Z", "2026-11-24T06:00:00Z"},
		"on its days alone":                     {Quiet{From: "00:00", To: "23:00", Days: []string{"sat"}}, "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"},
		"a Saturday's night goes on on Sunday":  {Quiet{From: "20:00", To: "10:00", Days: []string{"sat"}}, "2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z"},
		"when the clocks go back it is as said": {Quiet{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin"}, "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"},
		"no hours are never":                    {Quiet{}, "2026-11-23T03:00:00Z", "2026-11-23T03:00:00Z"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, tc.quiet.validate())
			require.Equal(t, at(tc.want), tc.quiet.over(at(tc.now)).UTC())
		})
	}
	k := newTalk()
	k.s.Quiet, k.channels = Quiet{From: "11:00", To: "13:00"}, []string{"slack"}
	k.take(opened(1))
	require.Equal(t, []string{"slack: inc-1/opened"}, k.said(), "what is critical doesn't wait")
}

func TestRoutesSayWhoIsTold(t *testing.T) {
	k := newTalk()
	k.channels = []string{"email", "log", "pagerduty", "slack"}
	k.s.Routes = []Route{
		{Channels: []string{"log"}},
		{Severity: "warning", Pipelines: []string{"cust*"}, Channels: []string{"slack"}},
		{Severity: "critical", Events: []Event{EventOpened}, Channels: []string{"email"}},
		{After: time.Hour, Channels: []string{"pagerduty"}},
	}
	require.NoError(t, k.s.Validate(k.channels))
	i := opened(1)
	k.take(i)
	require.Equal(t, []string{"email: inc-1/opened", "log: inc-1/opened", "slack: inc-1/opened"}, k.said())
	k.now = k.now.Add(time.Hour)
	k.take(then(i, EventReminder))
	require.Equal(t, []string{"log: inc-1/reminder", "pagerduty: inc-1/opened", "slack: inc-1/reminder"}, k.said(), "after an hour the next one is called")
	k.take(then(i, EventResolved))
	require.Equal(t, []string{"email: inc-1/resolved", "log: inc-1/resolved", "pagerduty: inc-1/resolved", "slack: inc-1/resolved"}, k.said(), "who was told hears how it ends")
	other := notice(1)
	other.Pipeline, other.Severity = "orders", "info"
	k.take(other)
	require.Equal(t, []string{"log: dec-1/notify"}, k.said())
}

// A thousand incidents in a minute are a bounded number of messages, and none
// is left unsaid.
func TestAStormIsBounded(t *testing.T) {
	k := newTalk()
	k.channels = []string{"slack"}
	sent, stood := 0, 0
	count := func() {
		for _, m := range k.due() {
			sent++
			stood += max(1, m.Alert.Count)
		}
	}
	for n := range 1000 {
		k.now = t0.Add(time.Duration(n) * 60 * time.Millisecond)
		k.take(opened(n))
		count()
	}
	require.Equal(t, 20, sent, "in the first hour")
	at, waits := k.Next(k.s, nil)
	require.True(t, waits)
	for waits {
		k.now = at
		count()
		at, waits = k.Next(k.s, nil)
	}
	require.LessOrEqual(t, sent, 40)
	require.Equal(t, 1000, stood, "each is told, by itself or in a summary")
	for n := range 1000 {
		k.take(then(opened(n), EventResolved))
	}
	count()
	require.LessOrEqual(t, sent, 60, "so are their ends")
}

// Whatever comes in whatever order: the throttle holds, nothing is said twice,
// a resolve follows what was told, and the book goes on from its JSON.
func TestABookKeepsItsPromises(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		k := newTalk()
		k.s.Throttle = Throttle{Messages: 2 + r.IntN(6), Per: time.Hour}
		if r.IntN(2) == 0 {
			k.s.Quiet = Quiet{From: "22:00", To: "06:00"}
		}
		var times = map[string][]time.Time{}
		told, said := map[string]bool{}, map[string]bool{}
		criticals, heard := map[string]bool{}, map[string]bool{}
		collect := func() {
			for _, m := range k.due() {
				key := m.Channel + " " + m.Alert.Group
				times[m.Channel] = append(times[m.Channel], k.now)
				require.False(t, said[m.Channel+m.Alert.ID], "seed %d: %s twice", seed, m.Alert.ID)
				said[m.Channel+m.Alert.ID] = true
				if m.Alert.Event == EventResolved {
					require.True(t, told[key], "seed %d: %s is resolved, and nobody was told of it", seed, key)
				}
				told[key], heard[m.Alert.Group] = true, true
				if m.Alert.Group == "customers/summary" {
					for n := range 30 {
						heard[opened(n).Group] = true // by name or number, if it was taken
					}
				}
			}
		}
		for range 200 {
			k.now = k.now.Add(time.Duration(r.IntN(20)) * time.Minute)
			i := opened(r.IntN(30))
			switch r.IntN(6) {
			case 0, 1:
				if !slices.Contains(k.Seen, i.ID) {
					criticals[i.Group] = true
				}
				k.take(i)
			case 2:
				i = then(i, EventReminder)
				i.ID += fmt.Sprint(r.IntN(3))
				k.take(i)
			case 3:
				k.take(then(i, EventResolved))
				delete(criticals, i.Group)
			case 4:
				k.take(then(i, EventAcknowledged))
			case 5:
				k.take(notice(r.IntN(1000)))
			}
			collect()
			if r.IntN(5) == 0 {
				raw, err := json.Marshal(k.Book)
				require.NoError(t, err)
				k.Book = Book{}
				require.NoError(t, json.Unmarshal(raw, &k.Book))
			}
		}
		for range 1000 {
			at, waits := k.Next(k.s, nil)
			if !waits {
				break
			}
			require.True(t, at.After(k.now) || at.Equal(k.now), "seed %d: what is due is sent", seed)
			k.now = at
			collect()
		}
		_, waits := k.Next(k.s, nil)
		require.False(t, waits, "seed %d: it comes to an end", seed)
		for c := range criticals {
			require.True(t, heard[c], "seed %d: nobody heard of %s", seed, c)
		}
		for name, at := range times {
			for i := range at {
				if j := i - k.s.Throttle.Messages; j >= 0 {
					require.GreaterOrEqual(t, at[i].Sub(at[j]), time.Hour, "seed %d: %s gets more than the throttle allows", seed, name)
				}
			}
		}
	}
}

func TestSettingsSayAllThatIsWrong(t *testing.T) {
	s := Settings{
		Routes:   []Route{{Severity: "loud", Events: []Event{"closed"}, Pipelines: []string{"["}, After: -1, Channels: []string{"fax"}}, {}},
		Throttle: Throttle{Messages: 1}, Repeat: -1,
		Quiet: Quiet{From: "25:00", To: "x", TimeZone: "Mars/Base", Days: []string{"fri", "someday"}, Below: "loud"},
	}
	err := s.Validate([]string{"log"})
	for _, says := range []string{"ALERTING_FILE", "loud", "closed", "no pattern", "negative", "fax", "names none", "at least 2", "25:00", "Mars", "someday"} {
		require.ErrorContains(t, err, says)
	}
	require.NoError(t, DefaultSettings().Validate(nil))
}

func TestABookStaysSmall(t *testing.T) {
	k := newTalk()
	for n := range 20_000 {
		k.take(opened(n))
		if n%100 == 0 {
			k.said()
		}
	}
	raw, err := json.Marshal(k.Book)
	require.NoError(t, err)
	require.Less(t, len(raw), 1_000_000)
}

func TestAnEscalationsStepComesByItself(t *testing.T) {
	night := Quiet{From: "12:10", To: "14:00"}
	tests := map[string]struct {
		quiet Quiet
		then  Event         // what happens ten minutes later
		want  []string      // what the second channel gets
		at    time.Duration // when
	}{
		"an incident that nobody takes up calls the next one": {then: "", want: []string{"inc-1/opened"}, at: 30 * time.Minute},
		"one that somebody has taken up doesn't":              {then: EventAcknowledged},
		"one that is over doesn't":                            {then: EventResolved},
		"a reminder before its time calls nobody else":        {then: EventReminder, want: []string{"inc-1/opened"}, at: 30 * time.Minute},
		"in quiet hours it waits for their end":               {quiet: night, want: []string{"inc-1/opened"}, at: 2 * time.Hour},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			k := newTalk()
			k.s.Routes = []Route{{Channels: []string{"log"}}, {After: 30 * time.Minute, Severity: "warning", Channels: []string{"slack"}}}
			k.s.Quiet = tc.quiet
			i := opened(1)
			i.Severity = "warning"
			k.take(i)
			require.Equal(t, []string{"log: inc-1/opened"}, k.said())
			k.now = t0.Add(10 * time.Minute)
			if tc.then != "" {
				k.take(then(i, tc.then), then(i, EventReminder))
				k.said()
			}
			at, waits := k.Next(k.s, nil)
			require.Equal(t, tc.want != nil, waits)
			if !waits {
				return
			}
			require.Equal(t, t0.Add(tc.at), at)
			k.now = at
			for _, id := range tc.want {
				require.Equal(t, []string{"slack: " + id}, k.said())
			}
			k.take(then(i, EventResolved))
			require.Contains(t, k.said(), "slack: inc-1/resolved", "who was called hears how it ends")
		})
	}
}

func TestWhatWaitsToBeResolvedStaysResolved(t *testing.T) {
	k := newTalk()
	k.channels = []string{"slack"}
	i := opened(1)
	i.Severity = "warning"
	k.take(i)
	k.said()
	k.s.Quiet = Quiet{From: "11:00", To: "13:00"}
	k.take(then(i, EventResolved), then(i, EventReminder))
	k.now = t0.Add(time.Hour)
	require.Equal(t, []string{"slack: inc-1/resolved"}, k.said())
	require.False(t, k.Open())
}

func TestSummariesCountAllThatTheyStandFor(t *testing.T) {
	k := newTalk()
	k.channels = []string{"slack"}
	k.s.Throttle = Throttle{Messages: 2, Per: time.Hour}
	k.take(opened(0), opened(1))
	require.Len(t, k.said(), 2)
	k.now = t0.Add(time.Hour)
	for n := 2; n < 1500; n++ {
		i := opened(n)
		i.Severity = "warning"
		k.take(i)
	}
	k.take(opened(1500))
	got := k.due()
	require.Len(t, got, 2)
	require.NotEqual(t, got[0].Alert.ID, got[1].Alert.ID, "one isn't taken for a repeat of the other")
	require.Equal(t, 1499, max(1, got[0].Alert.Count)+max(1, got[1].Alert.Count))
	for _, m := range got {
		require.Contains(t, m.Alert.Title, fmt.Sprint(m.Alert.Count))
	}
	require.Contains(t, got[1].Alert.Text, "held 1500", "what is critical is named first")
}

// A book goes on as one payload, of which Temporal takes 2 MB.
func TestABookOfLongAlertsOnEveryChannelFitsIntoAPayload(t *testing.T) {
	k := newTalk()
	k.channels = []string{"email", "log", "pagerduty", "slack", "webhook"}
	for n := range 5_000 {
		i := opened(n)
		i.Title, i.Text = strings.Repeat("t", 500), strings.Repeat("x", 20_000)
		i.Links = map[string]string{"console": strings.Repeat("l", 200), "workflow": strings.Repeat("l", 200), "run": strings.Repeat("l", 200)}
		k.take(i)
		if n%100 == 0 {
			k.said()
		}
	}
	raw, err := json.Marshal(k.Book)
	require.NoError(t, err)
	require.Less(t, len(raw), 1_800_000)
}

func TestABusyChannelsMessagesWaitAndMerge(t *testing.T) {
	k := newTalk()
	busy := map[string]bool{"slack": true}
	i := opened(1)
	k.take(i)
	require.Len(t, k.Due(k.s, "customers", k.now, busy), 1, "the log isn't held up")
	_, waits := k.Next(k.s, busy)
	require.False(t, waits, "nothing is to be done until it is free")
	k.take(then(i, EventResolved))
	require.Equal(t, []string{"log: inc-1/resolved"}, k.said(), "over before it was free: it never hears of it")
}

func TestABookWithNothingToldGoesOnFromItsJSON(t *testing.T) {
	k := newTalk()
	k.take(opened(1))
	raw, err := json.Marshal(k.Book)
	require.NoError(t, err)
	k.Book = Book{}
	require.NoError(t, json.Unmarshal(raw, &k.Book))
	require.Equal(t, []string{"log: inc-1/opened", "slack: inc-1/opened"}, k.said())
}
