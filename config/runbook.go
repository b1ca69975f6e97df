package config

import (
	"net/url"
	"slices"

	"github.com/autonomous-data-pipeline/adp/agent"
)

// ownRunbooks is where this project's own runbooks are to be read.
const ownRunbooks = "https://github.com/autonomous-data-pipeline/adp/blob/main/docs/runbooks"

// runbooks are the conditions of which docs/runbooks has a file.
var runbooks = []agent.Condition{
	agent.SchemaDriftAdditive, agent.SchemaDriftBreaking, agent.LateArrivalsMinor, agent.LateArrivalsMajor,
	agent.DQFailuresMinor, agent.DQFailuresLocalized, agent.DQFailuresMajor, agent.JobFailed, agent.RepeatedFailures, agent.SourceGap,
	agent.RuleError, "own_action",
}

// Runbook is the address of what to do about a condition. Of a rule's own
// condition this project knows nothing: its runbook is only where RUNBOOK_URL
// says, else the address is empty.
func (c Config) Runbook(condition string) string {
	if c.RunbookURL == "" || (c.RunbookURL == ownRunbooks && !slices.Contains(runbooks, agent.Condition(condition))) {
		return ""
	}
	return c.RunbookURL + "/" + url.PathEscape(condition) + ".md"
}
