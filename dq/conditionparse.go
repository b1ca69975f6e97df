package dq

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth bounds how deep conditions nest.
const maxDepth = 50

// parseCondition reads a row_condition: a text in pandas' query syntax or in
// Great Expectations' own (col("x") > 1), or the object that Great Expectations
// 1 writes. nil is no condition.
func parseCondition(v, parser any) (condition, error) {
	switch parser {
	case nil, "pandas", "great_expectations", "great_expectations__experimental__":
	case "spark":
		return nil, errors.New(`condition_parser "spark" is not supported: write the condition in pandas' syntax`)
	default:
		return nil, fmt.Errorf("condition_parser is %v; it must be pandas or great_expectations", parser)
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return parseQuery(v)
	case map[string]any:
		return conditionOf(v, 0)
	}
	return nil, fmt.Errorf("%v is neither a text nor an object", v)
}

// parseQuery reads a query: comparisons of a column with a literal, in and not
// in, null tests, and, or, not, parentheses.
func parseQuery(text string) (condition, error) {
	p := &queryParser{}
	if err := p.scan(text); err != nil {
		return nil, err
	}
	if len(p.tokens) == 0 {
		return nil, errors.New("it is empty")
	}
	c, err := p.either(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, fmt.Errorf("%q was not expected", t.text)
	}
	return c, nil
}

type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	textToken
	numberToken
	signToken
)

type token struct {
	kind tokenKind
	text string
	// value is a literal's.
	value any
}

type queryParser struct {
	tokens []token
	at     int
}

func (p *queryParser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{text: "the end"}
}

// is takes the next token if it is one of the signs or words.
func (p *queryParser) is(signs ...string) bool {
	t := p.peek()
	for _, s := range signs {
		if (t.kind == signToken || t.kind == nameToken) && t.value == nil && t.text == s {
			p.at++
			return true
		}
	}
	return false
}

func (p *queryParser) scan(s string) error {
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		var t token
		var err error
		switch {
		case unicode.IsSpace(r):
			s = s[size:]
			continue
		case r == '\'' || r == '"':
			t, size, err = scanText(s)
		case r == '`':
			end := strings.IndexByte(s[1:], '`')
			if end < 1 {
				return errors.New("a backtick opens a name that doesn't end")
			}
			t, size = token{nameToken, s[1 : end+1], true}, end+2
		case r >= '0' && r <= '9' || r == '.' && len(s) > 1 && s[1] >= '0' && s[1] <= '9':
			t, size, err = scanNumber(s)
		case r == '_' || unicode.IsLetter(r):
			size = strings.IndexFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			if size < 0 {
				size = len(s)
			}
			t = token{kind: nameToken, text: s[:size]}
		default:
			t, size, err = scanSign(s)
		}
		if err != nil {
			return err
		}
		p.tokens, s = append(p.tokens, t), s[size:]
	}
	return nil
}

func scanSign(s string) (token, int, error) {
	for _, sign := range []string{"==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",", ".", "&", "|", "~", "-", "+"} {
		if strings.HasPrefix(s, sign) {
			return token{kind: signToken, text: sign}, len(sign), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	if r == '@' {
		return token{}, 0, errors.New("@ names a variable of a program; there is none here")
	}
	return token{}, 0, fmt.Errorf("%q has no meaning in a condition: compare a column with a literal", r)
}

func scanNumber(s string) (token, int, error) {
	end := 0
	for end < len(s) && (strings.IndexByte("0123456789._eE", s[end]) >= 0 || strings.IndexByte("+-", s[end]) >= 0 && strings.IndexByte("eE", s[end-1]) >= 0) {
		end++
	}
	digits := strings.ReplaceAll(s[:end], "_", "")
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return token{numberToken, s[:end], n}, end, nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return token{}, 0, fmt.Errorf("%q is no number", s[:end])
	}
	return token{numberToken, s[:end], f}, end, nil
}

// scanText reads a Python text literal.
func scanText(s string) (token, int, error) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return token{textToken, s[:i+1], b.String()}, i + 1, nil
		case c == '\\' && i+1 < len(s):
			i++
			escaped := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': `\`, '\'': "'", '"': `"`}[s[i]]
			if escaped == "" {
				return token{}, 0, fmt.Errorf(`\%c in a text has no meaning here; write \\ for a backslash`, s[i])
			}
			b.WriteString(escaped)
		default:
			b.WriteByte(c)
		}
	}
	return token{}, 0, fmt.Errorf("%s opens a text that doesn't end", s[:1])
}

func (p *queryParser) either(depth int) (condition, error) {
	return p.chain(depth, []string{"or", "|"}, p.both, func(all []condition) condition { return anyOf(all) })
}

func (p *queryParser) both(depth int) (condition, error) {
	return p.chain(depth, []string{"and", "&"}, p.not, func(all []condition) condition { return allOf(all) })
}

func (p *queryParser) chain(depth int, words []string, part func(int) (condition, error), join func([]condition) condition) (condition, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it nests deeper than %d", maxDepth)
	}
	var all []condition
	for {
		c, err := part(depth)
		if err != nil {
			return nil, err
		}
		if all = append(all, c); !p.is(words...) {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return join(all), nil
}

func (p *queryParser) not(depth int) (condition, error) {
	if p.is("not", "~") {
		if depth > maxDepth {
			return nil, fmt.Errorf("it nests deeper than %d", maxDepth)
		}
		c, err := p.not(depth + 1)
		return noneOf{c}, err
	}
	if p.is("(") {
		c, err := p.either(depth + 1)
		if err == nil && !p.is(")") {
			err = fmt.Errorf("%q stands where ) was expected", p.peek().text)
		}
		return c, err
	}
	return p.comparison()
}

// comparison reads column op literal, literal op column, 0 < column < 9, column
// in [...], and null tests.
func (p *queryParser) comparison() (condition, error) {
	if column, ok, err := p.column(); err != nil || ok {
		if err != nil {
			return nil, err
		}
		return p.about(column)
	}
	literal, err := p.literal()
	if err != nil {
		return nil, err
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	column, ok, err := p.column()
	if err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("%q stands where a column was expected", p.peek().text))
	}
	first := compares{column, turned[op], literal}
	if t := p.peek(); t.kind != signToken || turned[t.text] == "" {
		return first, nil
	}
	second, err := p.about(column)
	return allOf{first, second}, err
}

// turned is the operator with its sides exchanged.
var turned = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (p *queryParser) operator() (string, error) {
	t := p.peek()
	if t.kind != signToken || turned[t.text] == "" {
		return "", fmt.Errorf("%q stands where a comparison was expected", t.text)
	}
	p.at++
	return t.text, nil
}

// about reads what is said of a column.
func (p *queryParser) about(column string) (condition, error) {
	if p.is(".") {
		return p.method(column)
	}
	if p.is("in") {
		return p.list(column, true)
	}
	if p.is("not") {
		if !p.is("in") {
			return nil, fmt.Errorf("%q stands where in was expected", p.peek().text)
		}
		return p.list(column, false)
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind == signToken && t.text == "[" && (op == "==" || op == "!=") {
		return p.list(column, op == "==") // pandas reads these as in and not in
	}
	literal, err := p.literal()
	if err != nil {
		return nil, err
	}
	return compares{column, op, literal}, nil
}

func (p *queryParser) method(column string) (condition, error) {
	t := p.peek()
	p.at++
	want := map[string]bool{"isnull": true, "isna": true, "isNull": true, "is_null": true, "notnull": false, "notna": false, "notNull": false, "isNotNull": false, "is_not_null": false}
	null, ok := want[t.text]
	if !ok || t.kind != nameToken {
		return nil, fmt.Errorf("%s.%s is not supported: the tests are isnull() and notnull()", column, t.text)
	}
	if !p.is("(") || !p.is(")") {
		return nil, fmt.Errorf("write %s.%s()", column, t.text)
	}
	return isNull{column, null}, nil
}

func (p *queryParser) list(column string, want bool) (condition, error) {
	if !p.is("[", "(") {
		return nil, fmt.Errorf("%q stands where a list was expected", p.peek().text)
	}
	var literals []any
	for !p.is("]", ")") {
		if len(literals) > 0 && !p.is(",") {
			return nil, fmt.Errorf("%q stands where a comma or ] was expected", p.peek().text)
		}
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		literals = append(literals, v)
	}
	return within{column, literals, want}, nil
}

// column reads a column's name, in Great Expectations' syntax too: col("x").
func (p *queryParser) column() (string, bool, error) {
	t := p.peek()
	if t.kind != nameToken || t.value == nil && literalNames[t.text] != nil {
		return "", false, nil
	}
	p.at++
	if t.text != "col" || t.value != nil || !p.is("(") {
		return t.text, true, nil
	}
	name := p.peek()
	p.at++
	if name.kind != textToken || !p.is(")") {
		return "", false, errors.New(`write col("name")`)
	}
	return name.value.(string), true, nil
}

var literalNames = map[string]any{"True": true, "False": false, "true": true, "false": false}

func (p *queryParser) literal() (any, error) {
	minus := p.is("-")
	if !minus {
		p.is("+")
	}
	t := p.peek()
	p.at++
	v := t.value
	switch {
	case t.kind == nameToken && v == nil && literalNames[t.text] != nil:
		v = literalNames[t.text]
	case t.kind == nameToken && t.text == "None":
		return nil, errors.New("no value equals None: write isnull() or notnull()")
	case t.kind == nameToken && t.text == "date" && p.is("("):
		v = p.peek().value
		if p.at++; !p.is(")") {
			return nil, errors.New(`write date("2006-01-02")`)
		}
	case t.kind == nameToken:
		return nil, fmt.Errorf("%q is no literal: a condition compares a column with a literal; put texts in quotes", t.text)
	case v == nil:
		return nil, fmt.Errorf("%q stands where a literal was expected", t.text)
	}
	if !minus {
		return v, nil
	}
	switch n := v.(type) {
	case int64:
		return -n, nil
	case float64:
		return -n, nil
	}
	return nil, fmt.Errorf("-%s is no number", t.text)
}
