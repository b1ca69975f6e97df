package api

import (
	"net/http"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// route is one thing that can be asked for.
type route struct {
	method, path string // below base
	name         string // operationId
	about        string
	role         console.Role // the least that may ask; empty: anybody
	query        []param
	key          bool        // it takes an Idempotency-Key
	body         any         // a zero value of what it reads; nil: nothing
	answers      map[int]any // a zero value of what it writes, by status of success; nil: no body
	do           func(*API, ask) (any, error)
}

// param is a query parameter.
type param struct {
	name, about string
	enum        []string // what it may be; nil: anything
	max         int      // it is a number from 1 to this; 0: it is text
}

// instead is an answer of another status than its route's usual one.
type instead struct {
	status int
	body   any
}

// status is the usual one of a success.
func (r route) status() int {
	if _, ok := r.answers[http.StatusAccepted]; ok {
		return http.StatusAccepted
	}
	return http.StatusOK
}

// page is a part of a list, and the cursor of the part after it.
type page[T any] struct {
	Items []T    `json:"items" null:"never"`
	Next  string `json:"next,omitempty"` // for parameter after
}

// The bounds of a page, in items.
const (
	maxPage     = 200
	defaultPage = 50
)

// The parameters that several routes take.
var (
	ofPipeline = param{name: "pipeline", about: "Only of this pipeline."}
	limited    = param{name: "limit", about: "Items of a page; default 50.", max: maxPage}
	after      = param{name: "after", about: "The page after this one: `next` of the page before."}
)

// read is a route of those who look.
func read(path, name, about string, answer any, do func(*API, ask) (any, error)) route {
	return route{method: http.MethodGet, path: path, name: name, about: about, role: console.Viewer, answers: map[int]any{http.StatusOK: answer}, do: do}
}

// write is a route of those who may do something.
func write(role console.Role, path, name, about string, body any, status int, answer any, do func(*API, ask) (any, error)) route {
	return route{method: http.MethodPost, path: path, name: name, about: about, role: role, body: body, answers: map[int]any{status: answer}, do: do}
}

// takes adds query parameters.
func (r route) takes(query ...param) route {
	r.query = query
	return r
}

// keyed lets a repeat of the same Idempotency-Key answer 200 with the first's
// answer.
func (r route) keyed() route {
	r.key = true
	r.answers[http.StatusOK] = r.answers[http.StatusAccepted]
	return r
}

// anybody lets those ask whom nobody knows.
func (r route) anybody() route {
	r.role = ""
	return r
}

// routes is all that can be asked for.
func routes() []route {
	const ok, accepted = http.StatusOK, http.StatusAccepted
	return []route{
		read("/health", "getHealth", "Whether this program can answer: its store, its pipeline files and Temporal. 503 says what is down.", Ready{}, (*API).health).anybody(),

		read("/pipelines", "listPipelines", "Every declared pipeline, and where it stands.", page[console.Standing]{}, (*API).pipelines),
		read("/pipelines/{pipeline}", "getPipeline", "Where one pipeline stands.", console.Standing{}, (*API).pipeline),
		write(console.Operator, "/pipelines/{pipeline}/runs", "startRun",
			"Starts a run. The same Idempotency-Key starts it once: again it answers 200, with the run that the first one started.", nil, accepted, console.Started{}, (*API).startRun).keyed(),
		write(console.Admin, "/pipelines/{pipeline}/kill-switch", "turnKillSwitch",
			"Turns the kill switch: while it is on, the agent changes nothing by itself.", SwitchBody{}, ok, agent.Switch{}, (*API).turnSwitch),

		read("/pipelines/{pipeline}/stats", "getStats", "How the pipeline's decisions did: who made them, what was done, and whether it has helped.", agent.Stats{}, (*API).stats).
			takes(param{name: "days", about: "That it looks back; default 30.", max: 366}),

		read("/runs", "listRuns", "Runs' reports, newest first.", page[pipeline.RunReport]{}, (*API).runs).
			takes(ofPipeline, param{name: "outcome", about: "Only with this outcome.", enum: outcomes}, limited, after),
		read("/runs/{run}", "getRun", "One run's report.", pipeline.RunReport{}, (*API).run),
		read("/runs/{run}/report", "getRunReport", "The file run_report.json as the run left it.", document{}, runFile("run_report.json")),
		read("/runs/{run}/quality", "getRunQuality", "The file ge_results.json as the run left it: its quality results in Great Expectations' format.", document{}, runFile("ge_results.json")),
		read("/runs/{run}/decisions", "listRunDecisions", "What was decided in a run, oldest first.", page[agent.Decision]{}, (*API).runDecisions),

		read("/decisions", "listDecisions", "Decisions, newest first.", page[agent.Decision]{}, (*API).decisions).takes(ofPipeline, limited, after),
		read("/decisions/{decision}", "getDecision", "One decision with the facts that it was made from.", DecisionWithFacts{}, (*API).decision),

		read("/incidents", "listIncidents", "Incidents, newest first.", page[ops.Incident]{}, (*API).incidents).
			takes(ofPipeline, param{name: "status", about: "Only of this status.", enum: statuses}, param{name: "unresolved", about: "Only those that nobody has resolved.", enum: []string{"true", "false"}},
				param{name: "severity", about: "Only of this severity.", enum: severities}, param{name: "cause", about: "Only where the cause names this condition."}, limited, after),
		read("/incidents/{incident}", "getIncident", "One incident, by its ID or a unique beginning of it.", ops.Incident{}, (*API).incident),
		write(console.Operator, "/incidents/{incident}/acknowledge", "acknowledgeIncident",
			"Says that a person is on it. The first one stays.", CommentBody{}, accepted, nil, (*API).acknowledge),
		write(console.Operator, "/incidents/{incident}/preview", "previewAnswer",
			"What an answer would do. Nothing is changed.", AnswerBody{}, ok, console.Preview{}, (*API).previewAnswer),
		write(console.Approver, "/incidents/{incident}/answer", "answerIncident",
			"Approves what becomes of the data, and waits until it is done. The first answer stays: another one is 409.", AnswerBody{}, ok, pipeline.Resolution{}, (*API).answerIncident),

		read("/trends", "getTrends", "Incidents by cause and week, and how long people took.", ops.Trends{}, (*API).trends).
			takes(ofPipeline, param{name: "weeks", about: "That it looks back; default 12.", max: 53}),

		read("/deliveries", "listDeliveries", "What alert channels were sent, newest first, and how it went.", page[ops.Delivery]{}, (*API).deliveries).
			takes(ofPipeline, limited),

		read("/quarantine/{pipeline}", "listQuarantine", "What a pipeline's table keeps out, oldest batch first.", page[sink.Entry]{}, (*API).quarantine),
		read("/quarantine/{pipeline}/{batch}", "getQuarantine", "One batch's quarantine.", sink.Entry{}, (*API).entry),
		read("/quarantine/{pipeline}/{batch}/records", "listQuarantinedRecords", "Its records as they came, with why they stay out, and how many have each reason.", console.RecordPage{}, (*API).records).
			takes(param{name: "reason", about: "Only with this reason's code."}, param{name: "field", about: "Only where a reason names this field."},
				param{name: "text", about: "Only with this text in the raw value, whatever its case."}, limited, after),
		write(console.Operator, "/quarantine/{pipeline}/{batch}/preview", "previewSettlement",
			"What a replay or a discard would do. Nothing is changed.", AnswerBody{}, ok, console.Preview{}, (*API).previewSettlement),
		write(console.Approver, "/quarantine/{pipeline}/{batch}/replay", "replayQuarantine",
			"Starts to process the batch's records again, with the current schema and rules, or with a mapping.", ReplayBody{}, accepted, console.Started{}, (*API).replay),
		write(console.Approver, "/quarantine/{pipeline}/{batch}/discard", "discardQuarantine",
			"Starts to settle that the batch's records stay out for good.", CommentBody{}, accepted, console.Started{}, (*API).discard),

		read("/schedules", "listSchedules", "Every pipeline's schedule.", page[ScheduleOf]{}, (*API).schedules),
		read("/schedules/{pipeline}", "getSchedule", "One pipeline's schedule.", ScheduleOf{}, (*API).schedule),
		write(console.Operator, "/schedules/{pipeline}/pause", "pauseSchedule", "Pauses a schedule. Runs in flight go on.", NoteBody{}, ok, ScheduleOf{}, setPaused(true)),
		write(console.Operator, "/schedules/{pipeline}/resume", "resumeSchedule", "Resumes a schedule.", NoteBody{}, ok, ScheduleOf{}, setPaused(false)),

		read("/schemas/{pipeline}", "listSchemas", "A pipeline's schema versions in Avro's form, oldest first.", page[ops.SchemaVersion]{}, (*API).schemas),
		read("/policy/{pipeline}", "getPolicy", "A pipeline's policy as its file says. Durations are nanoseconds.", agent.Policy{}, (*API).policy),
	}
}
