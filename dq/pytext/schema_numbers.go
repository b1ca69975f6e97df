package pytext

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// numbers are a schema's rules on numbers, by Python's arithmetic: whole
// numbers are exact, others are float64, and NaN is neither too small nor too
// large.
type numbers struct {
	minimum, maximum, above, below, multiple *bound
	noWholeFloats                            bool // 1.0 is no integer in draft 4
}

// bound is a number of the schema.
type bound struct {
	float float64
	exact *big.Rat // what float is, or a whole number that it can't hold
	whole bool
}

// numbersOf is nil if the schema has no rule on numbers.
func numbersOf(s *jsonschema.Schema) *numbers {
	n := numbers{
		minimum: boundOf(s.Minimum), maximum: boundOf(s.Maximum),
		above: boundOf(s.ExclusiveMinimum), below: boundOf(s.ExclusiveMaximum),
		multiple: boundOf(s.MultipleOf),
	}
	if s.DraftVersion == 4 && s.Types != nil {
		types := s.Types.ToStrings()
		n.noWholeFloats = slices.Contains(types, "integer") && !slices.Contains(types, "number")
	}
	if n == (numbers{}) {
		return nil
	}
	return &n
}

func boundOf(r *big.Rat) *bound {
	if r == nil {
		return nil
	}
	f, _ := r.Float64()
	if r.IsInt() {
		return &bound{float: f, exact: r, whole: true}
	}
	return &bound{float: f, exact: new(big.Rat).SetFloat64(f)}
}

// Validate reports a number that breaks a rule. Match doesn't say which rule,
// so any error will do.
func (n *numbers) Validate(ctx *jsonschema.ValidatorContext, v any) {
	number, ok := v.(json.Number)
	if ok && !n.allow(string(number)) {
		ctx.AddError(&kind.MultipleOf{})
	}
}

func (n *numbers) allow(text string) bool {
	isFloat := strings.ContainsAny(text, ".eN") || strings.HasSuffix(text, "y")
	f, _ := strconv.ParseFloat(text, 64) // its range error comes with ±Inf
	if isFloat && n.noWholeFloats {
		return false
	}
	compare := func(b *bound) int { return b.compare(text, f, isFloat) }
	switch {
	case n.multiple != nil && !n.multiple.divides(text, f, isFloat):
		return false
	case math.IsNaN(f):
		return true
	case n.minimum != nil && compare(n.minimum) < 0,
		n.maximum != nil && compare(n.maximum) > 0,
		n.above != nil && compare(n.above) <= 0,
		n.below != nil && compare(n.below) >= 0:
		return false
	}
	return true
}

// maxFloatDigits is how long a whole number's text may be for a float64 to
// hold it for certain.
const maxFloatDigits = 15

// compare gives the sign of the number less the bound.
func (b *bound) compare(text string, f float64, isFloat bool) int {
	held := isFloat || len(text) <= maxFloatDigits
	if held && f != b.float {
		if f < b.float {
			return -1
		}
		return 1
	}
	if math.IsInf(f, 0) && isFloat { // beyond any bound, which floats can't hold
		return int(math.Copysign(1, f))
	}
	exact := new(big.Rat)
	if isFloat {
		exact.SetFloat64(f)
	} else {
		exact.SetString(text)
	}
	return exact.Cmp(b.exact)
}

// divides says whether the number is a multiple of the bound: by remainder if
// the bound is whole, or else by what float division gives. A whole bound that
// is written as a float, as 2.0, counts as whole: Python divides by it, which
// differs for numbers that floats can't hold.
func (b *bound) divides(text string, f float64, isFloat bool) bool {
	switch {
	case b.whole && isFloat:
		return math.Mod(f, b.float) == 0
	case b.whole:
		whole, ok := new(big.Int).SetString(text, 10)
		return ok && whole.Rem(whole, b.exact.Num()).Sign() == 0
	}
	quotient := f / b.float
	if math.IsInf(quotient, 0) && !math.IsInf(f, 0) {
		exact := new(big.Rat).SetFloat64(f)
		return exact.Quo(exact, b.exact).IsInt()
	}
	return math.Trunc(quotient) == quotient && !math.IsInf(f, 0)
}
