// Package logic evaluates conditions that users write: CEL expressions over a
// run's facts. It checks types before anything runs, bounds what evaluating may
// cost, and knows no time, no files and no network: the same facts give the
// same answer. What follows from a condition is package agent's to say.
package logic

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Facts are what an expression sees as "facts": the fields of run_report.json,
// and a few more. What is absent reads as empty: 0, "", an empty list, and
// 1970 for a time; has(facts.failure) tells whether it is there.
type Facts struct {
	pipeline.RunReport `json:"-"`
	Failed             []Expectation `json:"failed_expectations"`
	Retriggers         int           `json:"retriggers"` // length so far of the chain of retriggered runs
}

// Expectation is a failed expectation.
type Expectation struct {
	Type              string  `json:"type"`
	Column            string  `json:"column"`
	Severity          string  `json:"severity"`
	RowLevel          bool    `json:"row_level"`
	UnexpectedPercent float64 `json:"unexpected_percent"` // 0 to 100
}

// The bounds of an expression.
const (
	MaxText    = 2000    // characters
	maxDepth   = 32      // of brackets and calls in each other
	maxNesting = 2       // of exists and all in each other
	maxRegex   = 500     // instructions of a compiled pattern
	maxCost    = 200_000 // CEL's units: about one a field read, call or character compared
)

// Condition is an expression that was checked, safe for concurrent use.
type Condition struct{ program cel.Program }

// Compile checks an expression: its syntax, the names and types of all fields,
// and that it is true or false. The error says where in the text, and which
// name is nearest.
func Compile(text string) (Condition, error) {
	if n := utf8.RuneCountInString(text); n == 0 || n > MaxText || !utf8.ValidString(text) {
		return Condition{}, fmt.Errorf("the expression has %d characters; between 1 and %d are allowed, as UTF-8", n, MaxText)
	}
	e, err := environment()
	if err != nil {
		return Condition{}, err
	}
	checked, issues := e.Compile(text)
	if issues.Err() != nil {
		return Condition{}, explain(issues)
	}
	if checked.OutputType() != cel.BoolType {
		return Condition{}, fmt.Errorf("the expression gives %s, not true or false", checked.OutputType())
	}
	p, err := e.Program(checked, cel.CostLimit(maxCost))
	return Condition{p}, err
}

// Holds evaluates the expression. An error means that there is no answer: an
// index outside a list, a division by 0, a number that is none, or more work
// than a condition may take.
func (c Condition) Holds(f Facts) (bool, error) {
	v, _, err := c.program.Eval(map[string]any{"facts": f})
	if err != nil {
		return false, err
	}
	held, ok := v.Value().(bool)
	if !ok {
		return false, errors.New("the expression gave neither true nor false")
	}
	return held, nil
}

// environment holds only what is deterministic and bounded: no time zones,
// which are each machine's own, and no macros that build lists.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewCustomEnv(
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{
			IncludeMacros:    []string{"has", "all", "exists", "exists_one"},
			ExcludeFunctions: zoned(),
		})),
		factsType,
		cel.Variable("facts", cel.ObjectType("logic.Facts")),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(MaxText),
		cel.ASTValidators(
			cel.ValidateRegexLiterals(), cel.ValidateRegexProgramSizeLimit(maxRegex), cel.ValidateTimestampLiterals(),
			cel.ValidateDurationLiterals(), cel.ValidateComprehensionNestingLimit(maxNesting),
		),
	)
})

// factsType reads the fields' names from their JSON tags.
func factsType(e *cel.Env) (*cel.Env, error) {
	provider, adapter, err := types.ComposeTypes(e.CELTypeProvider(), e.CELTypeAdapter(),
		reflect.TypeFor[Facts](), types.ParseStructTag("json"))
	if err != nil {
		return nil, err
	}
	if e, err = cel.CustomTypeAdapter(adapter)(e); err != nil {
		return nil, err
	}
	return cel.CustomTypeProvider(provider)(e)
}

// zoned are the functions that take a time zone's name.
func zoned() []*env.Function {
	var out []*env.Function
	for function, overload := range map[string]string{
		overloads.TimeGetFullYear: overloads.TimestampToYearWithTz, overloads.TimeGetMonth: overloads.TimestampToMonthWithTz,
		overloads.TimeGetDayOfYear: overloads.TimestampToDayOfYearWithTz, overloads.TimeGetDayOfMonth: overloads.TimestampToDayOfMonthZeroBasedWithTz,
		overloads.TimeGetDate: overloads.TimestampToDayOfMonthOneBasedWithTz, overloads.TimeGetDayOfWeek: overloads.TimestampToDayOfWeekWithTz,
		overloads.TimeGetHours: overloads.TimestampToHoursWithTz, overloads.TimeGetMinutes: overloads.TimestampToMinutesWithTz,
		overloads.TimeGetSeconds: overloads.TimestampToSecondsWithTz, overloads.TimeGetMilliseconds: overloads.TimestampToMillisecondsWithTz,
	} {
		out = append(out, env.NewFunction(function, env.NewOverload(overload, nil, nil)))
	}
	return out
}
