package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/ops"
)

// tokenName keeps names readable in logs.
var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make, list or revoke the tokens that people and programs use the console and the API with"}
	var role string
	var life time.Duration
	create := &cobra.Command{
		Use: "create <name>", Short: "Make a token, and print it once", Args: cobra.ExactArgs(1),
		Long: `Make a token for a person or a program, and print it. Of it only a hash is
kept: it can't be shown again.

Roles: viewer looks; operator also starts runs, pauses schedules and
acknowledges incidents; approver also answers incidents; admin also turns the
kill switch.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.createToken(cmd.Context(), args[0], console.Role(role), life)
		},
	}
	create.Flags().StringVar(&role, "role", string(console.Viewer), "viewer, operator, approver or admin")
	create.Flags().DurationVar(&life, "expires", 90*24*time.Hour, "after how long it ends; 0 is never")
	list := &cobra.Command{Use: "list", Short: "List the tokens", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listTokens(cmd.Context()) }}
	revoke := &cobra.Command{Use: "revoke <name>", Short: "End a token and its sessions", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.revokeToken(cmd.Context(), args[0]) }}
	cmd.AddCommand(create, list, revoke)
	return cmd
}

func (a *app) createToken(ctx context.Context, name string, role console.Role, life time.Duration) error {
	switch {
	case !tokenName.MatchString(name):
		return &usageError{fmt.Errorf("token name %q: letters, digits and . _ @ - are allowed, at most 64", name)}
	case !slices.Contains(console.Roles, role):
		return &usageError{fmt.Errorf("--role %q is none of %v", role, console.Roles)}
	case life < 0:
		return &usageError{fmt.Errorf("--expires %v is in the past", life)}
	}
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	t := ops.Token{Name: name, Role: string(role), By: a.who(), CreatedAt: now}
	if life > 0 {
		t.ExpiresAt = now.Add(life)
	}
	if err := a.recordToken("token create", name, t, now); err != nil {
		return err
	}
	secret, err := access.NewToken(ctx, store, t)
	if err != nil {
		return err
	}
	return a.print(map[string]string{"name": name, "role": string(role), "token": secret}, func() {
		a.say("%s", secret)
		fmt.Fprintf(a.err, "That is %s's token, role %s, %s. It can't be shown again.\n", name, role, untilLine(t.ExpiresAt))
	})
}

func untilLine(at time.Time) string {
	if at.IsZero() {
		return "for ever"
	}
	return "until " + at.Local().Format(time.DateTime)
}

func (a *app) listTokens(ctx context.Context) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	all, err := store.Tokens(ctx)
	if err != nil {
		return err
	}
	return a.print(all, func() {
		rows := make([]string, 0, len(all))
		for _, t := range all {
			stands := untilLine(t.ExpiresAt)
			switch {
			case !t.RevokedAt.IsZero():
				stands = "revoked " + t.RevokedAt.Local().Format(time.DateTime)
			case !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(time.Now()):
				stands = "expired " + t.ExpiresAt.Local().Format(time.DateTime)
			}
			used := "never"
			if !t.UsedAt.IsZero() {
				used = t.UsedAt.Local().Format(time.DateTime)
			}
			rows = append(rows, strings.Join([]string{t.Name, t.Role, stands, used, t.By}, "\t"))
		}
		a.table("NAME\tROLE\tSTANDS\tLAST USED\tMADE BY", rows)
	})
}

func (a *app) revokeToken(ctx context.Context, name string) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	if err := store.RevokeToken(ctx, name, now); err != nil {
		return err
	}
	if err := a.recordToken("token revoke", name, nil, now); err != nil {
		return err
	}
	return a.print(map[string]string{"name": name, "revoked": now.Format(time.RFC3339)}, func() { a.say("token %s is revoked, and its sessions have ended", name) })
}

// recordToken writes it into the log of what is no single pipeline's.
func (a *app) recordToken(what, name string, detail any, now time.Time) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	return agent.OpenAudit(c.AccessLog()).Request(agent.PersonRequest{
		ID: uuid.NewString(), By: a.who(), Role: string(console.Admin), Via: "starter", What: what, Target: name, Detail: detail,
	}, now)
}
