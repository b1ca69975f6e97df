package archtest

// domain are the packages that hold what the pipeline means, and all of their
// sub-packages but the drivers.
var domain = []string{"pipeline", "schemas", "source", "batch", "dq", "agent", "sink", "alerting"}

// drivers are the packages that talk to something outside, each by one client
// library.
var drivers = []string{"agent/ollama", "agent/openai", "source/kafka", "source/files", "source/postgres", "sink/iceberg", "sink/parquet", "sink/snowflake", "alerting/log", "alerting/webhook", "alerting/slack", "alerting/email", "alerting/pagerduty"}

// testHelpers are packages for tests alone.
var testHelpers = []string{"*/*test", "internal/archtest", "internal/realkafka", "internal/realpostgres", "internal/realiceberg", "internal/realllm", "internal/fakes3", "internal/fakesnow", "internal/pyenv", "internal/browser"}

const (
	reasonDomain = "data reads downward; a domain package knows its own words and those below"
	reasonDriver = "a driver knows its parent's contract and one client library, not other packages of the pipeline"
	reasonSuite  = "a contract's test suite knows the contract, not one driver"
)

// TheRules are the import rules of this tree.
var TheRules = Rules{
	Allow: []Allow{
		{"pipeline", nil, "pipeline holds the words that all share, so it knows none of them"},
		{"schemas", []string{"pipeline"}, reasonDomain},
		{"dq", []string{"pipeline", "schemas", "dq/pytext", "dq/pyregex"}, reasonDomain},
		{"dq/pyregex", nil, "what Python finds in a text is no matter of data quality alone"},
		{"dq/pytext", []string{"dq/pyregex"}, "what Python says about a text is no matter of data quality alone"},
		{"dq/tabular", []string{"pipeline", "schemas", "dq"}, "it reads files, and judges nothing"},
		{"dq/suggest", []string{"pipeline", "schemas", "dq", "dq/check", "dq/tabular"}, "it asks questions by expectations"},
		{"dq/check", []string{"pipeline", "schemas", "dq", "dq/tabular"}, "it brings the rules and the files together"},
		{"dq/page", []string{"pipeline", "schemas", "dq"}, "it shows results, and judges nothing"},
		{"source", []string{"pipeline", "schemas"}, reasonDomain},
		{"sink", []string{"pipeline", "schemas"}, reasonDomain},
		{"alerting", []string{"pipeline", "schemas"}, reasonDomain},
		{"agent", []string{"pipeline", "schemas", "dq", "agent/logic"}, reasonDomain},
		{"agent/logic", []string{"pipeline"}, "expressions and schemas are evaluated over the run report's words; what follows is the agent's to say"},
		{"batch", []string{"pipeline", "schemas", "dq", "source"}, reasonDomain},

		{"batch/settle", []string{"pipeline", "schemas", "source", "batch", "sink", "sink/readback"}, "it processes again what a sink kept out"},

		{"source/*test", []string{"pipeline", "schemas", "source"}, reasonSuite},
		{"sink/*test", []string{"pipeline", "schemas", "sink"}, reasonSuite},
		{"alerting/*test", []string{"pipeline", "schemas", "alerting"}, reasonSuite},
		{"agent/*test", []string{"pipeline", "schemas", "dq", "agent"}, reasonSuite},
		{"batch/*test", []string{"pipeline", "schemas", "dq", "source", "batch"}, reasonSuite},

		{"agent/transport", []string{"pipeline", "agent"}, "it is the HTTP below the models' drivers, and knows no provider"},
		{"agent/eval", []string{"pipeline", "schemas", "dq", "agent"}, "it scores whatever proposes, and knows no model"},
		{"agent/*", []string{"pipeline", "agent", "agent/transport"}, reasonDriver},
		{"source/*", []string{"pipeline", "schemas", "source"}, reasonDriver},
		{"sink/ledger", []string{"pipeline", "schemas", "sink"}, reasonDomain},
		{"sink/store", []string{"pipeline"}, reasonDomain},
		{"sink/readback", []string{"pipeline", "schemas", "sink"}, reasonDomain},
		{"sink/iceberg", []string{"pipeline", "schemas", "sink", "sink/ledger", "sink/parquet", "sink/readback", "sink/store"}, "an Iceberg table's quarantine and log are files, which the Parquet sink keeps"},
		{"sink/*", []string{"pipeline", "schemas", "sink", "sink/ledger", "sink/readback", "sink/store"}, reasonDriver},
		{"alerting/transport", []string{"pipeline", "alerting"}, "it is the HTTP below the channels' drivers, and knows no channel"},
		{"alerting/*", []string{"pipeline", "schemas", "alerting", "alerting/transport"}, reasonDriver},

		{"ops", []string{"pipeline", "schemas", "agent"}, "the operations store keeps the domain's words; who asks it is above"},
		{"workflows", []string{"pipeline", "schemas", "dq", "agent", "alerting"}, "workflows put steps in order: they know types, never the code that does I/O"},
		{"activities", append([]string{"ops", "sink/readback", "batch/settle", "dq/page", "dq/tabular"}, domain...), "activities are shells over the domain; which driver is behind an interface is config's to say"},
		{"config", append([]string{"activities", "*/*"}, domain...), "config composes packages' own settings and builds the drivers that activities.Catalog asks for"},
		{"generator", []string{"pipeline", "schemas"}, "the generator makes events from a schema; who sends them is above"},
		{"starter", append([]string{"config", "console", "generator", "ops", "workflows", "internal/*", "*/*"}, domain...), "the command line starts and asks workflows; it doesn't run activities"},
		{"worker", append([]string{"activities", "config", "console", "ops", "workflows", "internal/*", "*/*"}, domain...), "the worker wires everything but the command line's generator"},

		{"console", append([]string{"config", "ops", "workflows", "batch/settle", "sink/readback"}, domain...), "a desk is what people ask and tell; it starts and asks workflows, and runs no activity"},

		{"console/site", []string{"pipeline"}, "it composes handlers, and knows none of their rules"},
		{"console/problem", []string{"pipeline", "ops", "console"}, "it gives errors a status"},
		{"console/pages", append([]string{"ops", "config", "workflows", "console", "console/access", "console/problem"}, domain...), "pages are thin over the desk"},
		{"console/api", append([]string{"ops", "console", "console/access", "console/problem"}, domain...), "the API is thin over the desk"},
		{"console/mcp", []string{"pipeline", "agent", "ops", "sink", "console"}, "assistants read what the desk knows, and reach nothing that writes"},
		{"console/trigger", []string{"pipeline", "ops", "console", "console/access", "console/problem"}, "it understands notifications; starting is the desk's"},
		{"console/access", []string{"pipeline", "ops", "console", "console/problem"}, "who asks is known before anything is asked"},
		{"console/*test", append([]string{"config", "ops", "workflows", "console", "sink/sinktest"}, domain...), reasonSuite},

		{"internal/metrics", []string{"pipeline"}, "it shows numbers, whatever they are about"},
		{"internal/temporal", []string{"pipeline", "agent", "alerting", "config", "console", "ops", "workflows"}, "it connects programs to Temporal, schedules workflows, and reads what they noted"},
		{"internal/browser", nil, "it is a browser for tests, which knows no page"},
		{"internal/webserver", []string{"config", "ops", "console", "console/*", "internal/temporal", "alerting", "alerting/slack", "pipeline"}, "it wires the console, whichever program serves it"},
		{"internal/notify", []string{"pipeline", "ops", "console", "console/trigger"}, "it brings notifications to the desk, by one client library"},
		{"internal/own", []string{"pipeline", "agent"}, "it registers own actions, which know the agent's words"},
		{"internal/fakekafka", []string{"pipeline"}, "it is a broker, which knows no pipeline"},
		{"internal/pyenv", []string{"internal/devstack"}, "it is Python for tests, which knows no pipeline"},
		{"internal/fakesnow", []string{"internal/pyenv"}, "it is a warehouse for tests, which knows no pipeline"},
		{"internal/crashpoint", nil, "it strikes processes, whatever they do"},
		{"internal/fakes3", nil, "it is object storage for tests, which knows no pipeline"},
		{"internal/realkafka", nil, "it is a broker for tests, which knows no pipeline"},
		{"internal/realllm", []string{"internal/pyenv"}, "it is a language model for tests, which knows no pipeline"},
		{"internal/realpostgres", nil, "it is a database for tests, which knows no pipeline"},
		{"internal/realiceberg", []string{"internal/devstack"}, "it is a catalog for tests, which knows no pipeline"},
		{"internal/realkafka", []string{"pipeline", "internal/devstack"}, "it is a broker, which knows no pipeline"},
		{"internal/devstack", []string{"pipeline"}, "it starts programs, whichever they are"},
		{"internal/gxdiff", []string{"dq", "dq/check", "dq/tabular", "internal/pyenv"}, "it compares results, and knows no pipeline"},
		{"internal/archtest", nil, "it reads the tree, and is no part of it"},
	},
	Bans: []Ban{
		{[]string{"pipeline"}, nil, []string{"*.*/...", "net/...", "os/...", "syscall"}, "the shared words do no I/O and bring no dependency"},
		{domain, nil, []string{"go.temporal.io/..."}, "the domain must run and be tested without Temporal"},
		{drivers, nil, []string{"go.temporal.io/..."}, "drivers serve the command line too, without Temporal"},
		{[]string{"*", "*/*"}, []string{"agent/logic", "dq/pytext", "internal/archtest"}, []string{"github.com/google/cel-go/...", "github.com/santhosh-tekuri/..."}, "what evaluates users' texts is bounded in one place"},
		{domain, nil, []string{"github.com/twmb/franz-go/...", "github.com/jackc/...", "github.com/ollama/...", "github.com/sashabaranov/...", "modernc.org/...", "database/sql/...", "github.com/spf13/...", "github.com/xitongsys/...", "github.com/slack-go/...", "github.com/wneessen/..."}, "client libraries stay in drivers, so that another one can take their place"},
		{[]string{"*", "*/*"}, []string{"config", "worker", "internal/*", "sink/iceberg"}, drivers, "drivers are chosen by settings: only config and worker may name one"},
		{[]string{"workflows"}, nil, []string{"activities", "os/...", "net/...", "math/rand/...", "go.temporal.io/sdk/activity", "go.temporal.io/sdk/client", "go.temporal.io/sdk/worker"}, "workflow code is replayed: it must be deterministic, and calls activities by name"},
		{[]string{"activities", "ops", "config", "generator"}, nil, []string{"go.temporal.io/sdk/client", "go.temporal.io/sdk/worker", "go.temporal.io/sdk/workflow"}, "only the programs talk to the Temporal service"},
		{[]string{"ops", "config", "generator"}, nil, []string{"go.temporal.io/sdk/activity", "go.temporal.io/sdk/temporal"}, "they serve the command line too, without Temporal"},
		{[]string{"*", "*/*"}, testHelpers, append([]string{"testing/...", "github.com/stretchr/testify/..."}, testHelpers...), "what tests need stays out of the programs"},
		{[]string{"*", "*/*"}, []string{"starter", "worker", "internal/*"}, []string{"internal/*"}, "internal/ serves the programs; packages that others may build on don't need it"},
		{[]string{"*", "*/*"}, nil, []string{"worker", "starter"}, "a program is nobody's library"},
	},
}
