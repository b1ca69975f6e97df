//go:build integration

package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/console/trigger"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const hookSecret = "0123456789abcdef0123456789abcdef"

// A call of the webhook and a message of the topic each lead to a run, the same
// key to one, and an assistant is told of them.
func TestNotificationsStartRuns(t *testing.T) {
	s, base := startConsole(t, "TRIGGER_SECRET="+hookSecret, "TRIGGER_TOPIC=news")
	require.NoError(t, s.kafka.CreateTopic("news", 2))
	s.produce(t, "healthy", 500)
	require.Equal(t, http.StatusAccepted, s.hook(t, base, `{"id":"7"}`))
	require.Equal(t, http.StatusOK, s.hook(t, base, `{"id":"7", "again":true}`))
	r := s.end(s.client.GetWorkflow(t.Context(), "run/customers/hook/7", ""))
	require.Equal(t, "hook", r.Trigger)
	require.EqualValues(t, 500, r.Records.Loaded)

	s.produce(t, "healthy", 500)
	s.notify(t, `{"pipeline":"customers","id":"7"}`, `{"pipeline":"nobody"}`, `{"pipeline":"customers","id":"7"}`, `{"pipeline":"customers","id":"8"}`)
	for _, key := range []string{"7", "8"} {
		require.Eventually(t, func() bool {
			_, err := s.client.DescribeWorkflowExecution(t.Context(), "run/customers/topic/"+key, "")
			return err == nil
		}, limit, 50*time.Millisecond, "the run of key %s", key)
	}
	first := s.end(s.client.GetWorkflow(t.Context(), "run/customers/topic/7", ""))
	second := s.end(s.client.GetWorkflow(t.Context(), "run/customers/topic/8", ""))
	require.EqualValues(t, 500, first.Records.Loaded+second.Records.Loaded)
	s.assistantIsTold(t, r)
}

// hook calls the webhook, signed, and gives the answer's status.
func (s *stack) hook(t *testing.T, base, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/hooks/customers", strings.NewReader(body))
	require.NoError(t, err)
	now := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set(trigger.HeaderTimestamp, now)
	req.Header.Set(trigger.HeaderSignature, trigger.Sign(hookSecret, now, []byte(body)))
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func (s *stack) notify(t *testing.T, values ...string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.DefaultProduceTopic("news"))
	require.NoError(t, err)
	defer cl.Close()
	for _, v := range values {
		require.NoError(t, cl.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr())
	}
}

// assistantIsTold asks about a run by the program itself, as an assistant does.
func (s *stack) assistantIsTold(t *testing.T, r pipeline.RunReport) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(s.bin, "starter"), "mcp")
	cmd.Dir, cmd.Env = s.dir, append(cmd.Environ(), s.env...)
	session, err := sdk.NewClient(&sdk.Implementation{Name: "assistant", Version: "1"}, nil).Connect(t.Context(), &sdk.CommandTransport{Command: cmd}, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	for tool, args := range map[string]map[string]any{
		"list_pipelines": {}, "get_run": {"run": r.RunID}, "explain_decision": {"run": r.RunID}, "quality_of_run": {"run": r.RunID},
		"list_quarantine": {}, "get_policy": {"pipeline": r.Pipeline}, "audit_verify": {"pipeline": r.Pipeline},
	} {
		answer, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: args})
		require.NoError(t, err)
		require.False(t, answer.IsError, fmt.Sprint(tool, answer.Content))
	}
}
