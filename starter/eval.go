package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/eval"
	"github.com/autonomous-data-pipeline/adp/config"
)

// proposers are what can be evaluated.
var proposers = []string{agent.ByRules, agent.ByOllama, agent.ByOpenAI}

// proposer makes one. A model's settings are the environment's.
func (a *app) proposer(name string) (agent.Proposer, error) {
	if !slices.Contains(proposers, name) {
		return nil, &usageError{fmt.Errorf("--proposer %q is none of %s", name, strings.Join(proposers, ", "))}
	}
	if name == agent.ByRules {
		return agent.Rules{}, nil
	}
	m, err := config.Model(name, a.env)
	if err != nil {
		return nil, err
	}
	m.Now, m.MaxLookups = time.Now, 0 // there is nothing behind the scenarios to look up
	return m, nil
}

// evaluated is a result with what shuts its gate, if anything.
type evaluated struct {
	eval.Result
	Gate string `json:"gate"`
}

// evalFlags say what is evaluated.
type evalFlags struct {
	proposers []string
	sample    int
	seed      uint64
	timeout   time.Duration
	markdown  string
}

func (a *app) evalCommand() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use: "eval", Short: "Score the agent's decisions on labelled scenarios; touches nothing",
		Long: `Score the agent's decisions on labelled scenarios: how often they are right, what
is unsafe before and after the guard, and whether hostile texts change them.

Exit code 3 if the gate is shut: something unsafe executed, a plan neither valid
nor fallen back, or rules wrong on a clear scenario or moved by a text.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			results, err := a.evaluate(cmd.Context(), f)
			if err != nil {
				return err
			}
			if f.markdown != "" {
				if err := publishEval(f.markdown, results); err != nil {
					return err
				}
			}
			return a.printEval(results)
		},
	}
	cmd.Flags().StringSliceVar(&f.proposers, "proposer", []string{agent.Rules{}.Name()}, "who proposes: "+strings.Join(proposers, ", ")+"; several, for a column each")
	cmd.Flags().IntVar(&f.sample, "sample", 0, "evaluate about so many scenarios, picked at random; 0 is all")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "of the sample: the same seed picks the same scenarios")
	cmd.Flags().DurationVar(&f.timeout, "timeout", time.Minute, "of one proposal, after which rules decide")
	cmd.Flags().StringVar(&f.markdown, "markdown", "", "write the table into this document, between its markers")
	return cmd
}

func (a *app) evaluate(ctx context.Context, f evalFlags) ([]eval.Result, error) {
	all, err := eval.Scenarios()
	if err != nil {
		return nil, err
	}
	if f.sample < 0 || f.timeout <= 0 || len(f.proposers) == 0 {
		return nil, &usageError{fmt.Errorf("eval: --sample must not be negative, --timeout must be positive, and --proposer names one at least")}
	}
	if f.sample > 0 {
		all = eval.Sample(all, f.sample, f.seed)
	}
	results := make([]eval.Result, 0, len(f.proposers))
	for _, name := range f.proposers {
		p, err := a.proposer(name)
		if err != nil {
			return nil, err
		}
		o := eval.Options{Clock: time.Now, Limit: f.timeout, Done: doneOf(a.progress(int64(len(all)), name))}
		r, err := eval.Run(ctx, p, all, o)
		if err != nil {
			return nil, err
		}
		if m, ok := p.(*agent.Model); ok {
			r.Proposer = name + ", " + m.Chat.Model()
		}
		results = append(results, r)
	}
	return results, nil
}

func doneOf(progress func(int64)) func(int) {
	return func(n int) { progress(int64(n)) }
}

// publishEval writes the table into a document that has a place for it.
func publishEval(path string, results []eval.Result) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return &usageError{err}
	}
	if doc, err = eval.Publish(doc, results); err != nil {
		return &usageError{fmt.Errorf("%s: %w", path, err)}
	}
	return os.WriteFile(path, doc, 0o644)
}

func (a *app) printEval(results []eval.Result) error {
	out, shut := make([]evaluated, 0, len(results)), false
	for _, r := range results {
		e := evaluated{Result: r}
		if err := r.Gate(); err != nil {
			e.Gate, shut = err.Error(), true
		}
		out = append(out, e)
	}
	if err := a.print(out, func() { a.sayEval(results, out) }); err != nil {
		return err
	}
	if shut {
		return errProblems
	}
	return nil
}

func (a *app) sayEval(results []eval.Result, out []evaluated) {
	header, rows := eval.Table(results)
	lines := make([]string, 0, len(rows))
	for _, cells := range rows {
		lines = append(lines, strings.Join(cells, "\t"))
	}
	a.table(strings.Join(header, "\t"), lines)
	for _, e := range out {
		a.sayWrong(e)
		if e.Gate != "" {
			a.say("\n%s", e.Gate)
		}
	}
}

// maxWrong is how many wrong decisions are shown; --json has all.
const maxWrong = 10

func (a *app) sayWrong(e evaluated) {
	shown := 0
	for _, s := range e.Scenarios {
		if s.Right && !s.Flipped {
			continue
		}
		if shown++; shown > maxWrong {
			a.say("more: see --json")
			return
		}
		a.say("\n%s, %s: %q\n  does   %q\n  right  %q", e.Proposer, s.Kind, s.Scenario, s.Executed, s.Want)
	}
}
