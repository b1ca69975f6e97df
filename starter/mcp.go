package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/console/mcp"
	"github.com/autonomous-data-pipeline/adp/internal/webserver"
)

func (a *app) mcpCommand() *cobra.Command {
	var samples bool
	cmd := &cobra.Command{
		Use: "mcp", Short: "Let an assistant ask about the pipelines, by the Model Context Protocol on standard input and output", Args: cobra.NoArgs,
		Long: `Serve the Model Context Protocol on standard input and output, for an assistant
that starts this command (docs/mcp.md). Its tools only read: none can approve,
execute or change anything.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveMCP(cmd.Context(), cmd.InOrStdin(), samples) },
	}
	cmd.Flags().BoolVar(&samples, "samples", false, "also show quarantined records, not only how many there are")
	return cmd
}

func (a *app) serveMCP(ctx context.Context, in io.Reader, samples bool) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	cl, c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	desk := webserver.Desk(webserver.Options{Config: c, Env: a.env, Ops: store, Client: cl})
	server := mcp.New(mcp.Of(desk), mcp.Options{Version: version, Samples: samples, Log: log})
	err = server.Run(ctx, &sdk.IOTransport{Reader: io.NopCloser(in), Writer: kept{a.out}})
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil // the assistant has ended
	}
	return err
}

// kept is an output that outlives its user.
type kept struct{ io.Writer }

func (kept) Close() error { return nil }
