package slack

import (
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// refused is one of Slack's error codes.
type refused struct{ method, code string }

func (r *refused) Error() string { return "ask Slack for " + r.method + ": it refused with " + r.code }

// passing are refusals that a second attempt may not meet.
var passing = []string{
	"ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error", "request_timeout", "service_unavailable", "team_added_to_org",
}

// causes are the settings behind the other ones.
var causes = map[string]struct{ setting, hint string }{
	"channel_not_found": {settingChannel, "is it the channel's ID, and the app invited to it?"},
	"not_in_channel":    {settingChannel, "invite the app to it: /invite @app"},
	"is_archived":       {settingChannel, "it is archived: unarchive it, or name another one"},
	"restricted_action": {settingChannel, "the app may not post there"},
	"invalid_auth":      {settingToken, "is it the bot's token (xoxb-…) of an app that is installed?"},
	"not_authed":        {settingToken, "is it the bot's token (xoxb-…)?"},
	"account_inactive":  {settingToken, "the app was removed: install it again"},
	"token_revoked":     {settingToken, "it was revoked: install the app again"},
	"token_expired":     {settingToken, "it has expired: install the app again"},
	"missing_scope":     {settingToken, "give the app the scope chat:write, and install it again"},
}

// refusal gives Slack's code its kind. A code isn't repeated unless it looks
// like one.
func refusal(method, code string) error {
	odd := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }
	if code == "" || len(code) > 60 || strings.ContainsFunc(code, odd) {
		code = "unknown"
	}
	err := &refused{method: method, code: code}
	if slices.Contains(passing, code) {
		return &pipeline.Fault{Kind: pipeline.Transient, Setting: settingToken, Err: err}
	}
	if cause, ok := causes[code]; ok {
		return pipeline.Misconfiguredf(cause.setting, "%w: %s", err, cause.hint)
	}
	return pipeline.Misconfiguredf(settingToken, "%w; see Slack's documentation of %s", err, method)
}
