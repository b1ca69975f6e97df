package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/dq/suggest"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
)

func (a *app) suggestCommand() *cobra.Command {
	var data []string
	var name, out string
	var memory int64
	cmd := &cobra.Command{
		Use: "suggest --data FILE...", Args: cobra.ArbitraryArgs,
		Short: "Write rules that hold on data which is there, with the evidence of each",
		Long: `suggest reads Parquet, CSV or JSON lines files of one shape, and writes a rules
file: types, missing values, sets, ranges, formats, lengths and uniqueness, each
with a comment on what speaks for it. Look at them: some are chance.`,
		Example: "  starter suggest --data 'data/*.parquet' --suite-name customers --out rules.yml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if data = append(data, args...); len(data) == 0 {
				return &usageError{errors.New("suggest rules for what? Give --data FILE")}
			}
			b, err := a.suggested(cmd.Context(), data, name, memory)
			if err != nil {
				return err
			}
			if out != "" {
				return writeFile(out, func(w io.Writer) error { _, err := w.Write(b); return err })
			}
			_, err = a.out.Write(b)
			return err
		},
	}
	cmd.Flags().StringSliceVar(&data, "data", nil, "the files, or a folder of them; may be given several times")
	cmd.Flags().StringVar(&name, "suite-name", "suggested", "the suite's name")
	cmd.Flags().StringVar(&out, "out", "", "write to this file instead")
	cmd.Flags().Int64Var(&memory, "memory", 256<<20, "bytes that values may hold before they are spilled to disk")
	return cmd
}

func (a *app) suggested(ctx context.Context, data []string, name string, memory int64) ([]byte, error) {
	table, err := tabular.Open(data)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "starter-suggest-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for values that don't fit into memory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return suggest.Suggest(ctx, table, name, dir, memory)
}
