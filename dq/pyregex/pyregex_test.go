package pyregex

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// golden is a pattern with texts, and whether Python finds it in them; without
// texts Python refuses it.
type golden struct {
	pattern string
	texts   []string
	found   []bool
}

func (g *golden) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&g.pattern, &g.texts, &g.found})
}

// onPurpose are the errors of patterns that Python has and this package refuses.
var onPurpose = regexp.MustCompile(`is not supported|repeats more than 1000 times`)

// agree holds patterns against what Python said of them, and counts what it
// compared.
func agree(t *testing.T, cases []golden) (texts, found, refused int) {
	t.Helper()
	for _, c := range cases {
		re, err := Compile(c.pattern)
		switch {
		case len(c.texts) == 0:
			require.Error(t, err, "Python refuses %q", c.pattern)
			refused++
			continue
		case err != nil:
			require.Regexp(t, onPurpose, err.Error(), "Python has %q", c.pattern)
			continue
		}
		for i, text := range c.texts {
			require.Equal(t, c.found[i], re.MatchString(text), "%q in %q", c.pattern, text)
			if texts++; c.found[i] {
				found++
			}
		}
	}
	return texts, found, refused
}

func readGolden(t *testing.T) []golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var cases []golden
	require.NoError(t, json.Unmarshal(b, &cases))
	return cases
}

func TestPythonFindsTheSame(t *testing.T) {
	cases := readGolden(t)
	texts, found, refused := agree(t, cases)
	require.Greater(t, texts, 4000)
	require.Greater(t, found, 1000)
	require.Greater(t, refused, 300)
}

func TestPatternsMeanWhatPythonMeans(t *testing.T) {
	tests := map[string]struct {
		pattern   string
		yes, none []string
	}{
		"a digit is any script's":                  {`^\d+$`, []string{"1", "٣٤", "1\n"}, []string{"", "²", "a"}},
		"a word has all letters and digits":        {`^\w+$`, []string{"aé_你", "²"}, []string{"a b", "-"}},
		"white space is Unicode's":                 {`a\sb`, []string{"a b", "a\u00a0b", "a\x1cb"}, []string{"a\u200bb"}},
		"ASCII alone with (?a)":                    {`(?a)^[\w\s]+$`, []string{"a b_1"}, []string{"é", "a\u00a0"}},
		"a dollar is before a last line break":     {`a$`, []string{"a", "ba\n"}, []string{"a\n\n", "ab"}},
		"what follows a dollar may be the break":   {`a$\n`, []string{"a\n"}, []string{"a", "a\nb"}},
		"a dollar of lines is before each":         {`(?m)a$`, []string{"a\nb", "b\na"}, []string{"ab"}},
		`\Z is the very end`:                       {`a\Z`, []string{"a"}, []string{"a\n"}},
		"a dot is no line break":                   {`^.$`, []string{"a", "\r"}, []string{"\n"}},
		"a dot is anything with (?s)":              {`(?s)^.\Z`, []string{"\n"}, nil},
		"boundaries are of Unicode's words":        {`\bé`, []string{"é", "a é"}, []string{"aé"}},
		"case is Unicode's":                        {`(?i)straSSE|ÉTÉ`, []string{"STRASSE", "été"}, []string{"straße"}},
		"some letters have three cases":            {`(?i)^[ik]$`, []string{"I", "İ", "ı", "K"}, []string{"ⅰ"}},
		"a named class has no other cases":         {`(?i)^[\w]$`, []string{"ι"}, []string{"\u0345"}},
		"a written class has all of them":          {`(?i)^[ι-λ]$`, []string{"Κ", "\u0345"}, []string{"μ"}},
		"comments leave what is repeated":          {`^a(?#b)+$`, []string{"aaa"}, []string{"a+"}},
		"flags may follow comments and space":      {"(?x) #c\n (?i)a (?#b) b", []string{"AB"}, []string{"a b"}},
		"an end of all lines and one of the text":  {`(?m)^a$(?-m:$)`, []string{"b\na\n"}, []string{"a\nb"}},
		"a class of (?i) has both cases":           {`(?i)^[a-c]$`, []string{"B"}, []string{"d"}},
		"a brace that repeats nothing is a brace":  {`a{,x}`, []string{"a{,x}"}, []string{"a"}},
		"a repetition may lack its least":          {`^a{,2}$`, []string{"", "aa"}, []string{"aaa"}},
		"white space is skipped with (?x)":         {"(?x) a  b # c\n d", []string{"abd"}, []string{"a b"}},
		"names of groups don't matter":             {`(?P<year>\d{4})-(?P<month>\d\d)`, []string{"2024-01"}, []string{"2024"}},
		"a closing bracket first is in the set":    {`^[]a]+$`, []string{"]a"}, []string{"b"}},
		"an opening bracket in a set is itself":    {`^[[:alpha:]]$`, []string{":]", "a]"}, []string{"b"}},
		"comments of (?#…) are left out":           {`a(?#b)c`, []string{"ac"}, []string{"abc"}},
		"flags may be on for a group alone":        {`(?i:a)b`, []string{"Ab"}, []string{"AB"}},
		"an empty pattern is everywhere":           {``, []string{"", "a"}, nil},
		"octal and hexadecimal escapes are one":    {`^\101\x42\u0043\0?$`, []string{"ABC", "ABC\x00"}, []string{"AB"}},
		"no place in an empty text is no boundary": {`\B`, []string{"aa"}, []string{"", "a"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			re, err := Compile(tc.pattern)
			require.NoError(t, err)
			for _, s := range tc.yes {
				require.True(t, re.MatchString(s), "%q", s)
			}
			for _, s := range tc.none {
				require.False(t, re.MatchString(s), "%q", s)
			}
		})
	}
}

func TestWhatIsRefusedSaysWhatToWrite(t *testing.T) {
	for pattern, want := range map[string]string{
		`(?=a)`: "split the rule in two", `(?!a)`: "not_match_regex", `(?<=a)b`: "put what comes before", `(?<!a)b`: "not_match_regex",
		`(a)\1`: "no backreferences", `(?P<a>x)(?P=a)`: "no backreferences", `(?>a)`: "write (?:…)", `a++`: "leave the last + out",
		`(a)?(?(1)b|c)`: "no conditionals", `a{1001}`: "more than 1000 times", `(a{999}){999}`: "repeat count", `\N{BULLET}`: "the character itself",
		`(a`: "missing closing )", `a)`: "unbalanced parenthesis", `[a`: "unterminated character set", `[b-a]`: "bad character range",
		`*a`: "nothing to repeat", `a**`: "multiple repeat", `\q`: `bad escape \q`, `a\`: "end of pattern", `^*`: "nothing to repeat",
		`(?au)a`: "incompatible", `(?a)(?u)a`: "incompatible", `(?-a:b)`: "turned off", `(?i-i:b)`: "on and off", `(?i-:b)`: "missing flag", `(?-i)b`: "missing :",
		`(?P<a>b)(?P<a>c)`: "redefinition", `(?P<1>a)`: "bad character in group name", `(?P<>a)`: "missing group name", `(?P>a)`: "unknown extension", `(?<a>b)`: "unknown extension",
		`a(?#b`: "unterminated comment", `(?#b)*`: "nothing to repeat", `[\d-z]`: "bad character range", "a\xff": "save the file", `(?i)𐐀`: "write both cases",
		`a(?i)b`: "not at the start", `(?L)a`: "flag L", `a{2,1}`: "min repeat greater",
	} {
		_, err := Compile(pattern)
		require.ErrorContains(t, err, want, pattern)
	}
}

func TestAnAutomatonThatGrowsTooLargeBeginsAnew(t *testing.T) {
	re, err := Compile(`a.{14}b`)
	require.NoError(t, err)
	m := newMachine(re)
	slow := regexp.MustCompile(`a.{14}b`)
	text := []byte(strings.Repeat("x", 40))
	for n := range 20_000 {
		for i := range text {
			text[i] = "ab"[(n*2654435761>>(i%31)+i*n)&1]
		}
		require.Equal(t, slow.Match(text), m.match(string(text)))
		require.Less(t, len(m.states), 2*maxStates)
	}
}

func TestATextIsFoundWhereverTheAutomatonBeginsAnew(t *testing.T) {
	for _, c := range readGolden(t) {
		re, err := Compile(c.pattern)
		if err != nil {
			continue
		}
		for i, text := range c.texts {
			m := newMachine(re)
			m.match(text[:len(text)/2])
			m.held = maxHeld + 1 // as if its states were too many, at the next new one
			require.Equal(t, c.found[i], m.match(text), "%q in %q", c.pattern, text)
		}
	}
}

func TestARegexpIsForAllGoroutines(t *testing.T) {
	re, err := Compile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				text := emails[i%len(emails)]
				assert.Equal(t, text != "omar at example", re.MatchString(text), text)
			}
		})
	}
	wg.Wait()
}

// FuzzAgreesWithGo compares with Go's own engine on the translated pattern, but
// where only this package knows Python's meaning: a dollar, boundaries beyond
// ASCII, and \B in an empty text.
func FuzzAgreesWithGo(f *testing.F) {
	for _, seed := range [][2]string{{"(a|b)*c?", "abac"}, {"x{2,3}?y", "xxxy"}, {`(?im)^\w+[^\d]$`, "É\nb"}, {`(?x) (?#c) \bé{,3}\Z`, "a é"}, {`[\x00-\uffff]{2}.`, "𐐀"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := Compile(pattern)
		if err != nil || !utf8.ValidString(text) || len(pattern) > 200 {
			return
		}
		written, err := translate(pattern)
		require.NoError(t, err)
		beyondASCII := strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
		if strings.Contains(written.out.String(), "(?-m:$)") || written.bound && (beyondASCII || text == "") {
			return
		}
		theirs, err := regexp.Compile(written.out.String())
		require.NoError(t, err)
		require.Equal(t, theirs.MatchString(text), re.MatchString(text))
	})
}

var emails = []string{"ava@example.com", "liam.smith@mail.example.org", "omar at example", "x@y.z", "hugo.martin@example.co.uk"}

func BenchmarkEmail(b *testing.B) {
	const pattern = `^[^@\s]+@[^@\s]+\.[^@\s]+$`
	ours, err := Compile(pattern)
	require.NoError(b, err)
	for name, match := range map[string]func(string) bool{"DFA": ours.MatchString, "regexp": regexp.MustCompile(pattern).MatchString} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, s := range emails {
					match(s)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(emails)), "ns/text")
		})
	}
}
