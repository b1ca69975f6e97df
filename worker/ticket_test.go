package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// openTicket writes a ticket into a folder that a help desk reads.
type openTicket struct{ dir string }

type ticketArgs struct {
	Title string `json:"title"`
	Queue string `json:"queue"`
}

func (openTicket) Spec() agent.Spec {
	return agent.Spec{
		Name: "open_ticket",
		Schema: json.RawMessage(`{"type": "object", "additionalProperties": false, "required": ["title"],
			"properties": {"title": {"type": "string", "maxLength": 80}, "queue": {"enum": ["data", "platform"]}}}`),
		PerDay: 5, Pause: time.Minute,
	}
}

// Check refuses a ticket about nothing.
func (openTicket) Check(f agent.Facts, _ json.RawMessage) error {
	if f.Report.Records.Read == 0 && f.Report.Failure == nil {
		return errors.New("nothing was read and nothing failed: there is nothing to look at")
	}
	return nil
}

// Execute names the file after the call's ID, so that another attempt writes
// the same ticket.
func (o openTicket) Execute(_ context.Context, call agent.Call) (string, error) {
	var args ticketArgs
	if err := json.Unmarshal(call.Args, &args); err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s\n\n%s, run %s: %s\n", args.Title, call.Pipeline, call.RunID, call.Reason)
	if err := os.WriteFile(o.file(call), []byte(text), 0o600); err != nil {
		return "", pipeline.Faultf(pipeline.Transient, "write the ticket: %w", err)
	}
	return "ticket " + filepath.Base(o.file(call)), nil
}

// Verify looks whether the help desk has it.
func (o openTicket) Verify(_ context.Context, call agent.Call) (bool, string, error) {
	_, err := os.Stat(o.file(call))
	if errors.Is(err, fs.ErrNotExist) {
		return false, "there is no ticket", nil
	}
	return err == nil, "the ticket is there", err
}

func (o openTicket) file(call agent.Call) string {
	return filepath.Join(o.dir, strings.ReplaceAll(call.ID, "/", "-")+".txt")
}
