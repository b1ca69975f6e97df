package pytext

import "strings"

// The words that dateutil's parserinfo knows, in lower case.
var (
	jumpWords    = wordList(" ", ".", ",", ";", "-", "/", "'", "at", "on", "and", "ad", "m", "t", "of", "st", "nd", "rd", "th")
	weekdayWords = wordIndex([]string{"mon", "monday"}, []string{"tue", "tuesday"}, []string{"wed", "wednesday"},
		[]string{"thu", "thursday"}, []string{"fri", "friday"}, []string{"sat", "saturday"}, []string{"sun", "sunday"})
	monthWords = wordIndex([]string{"jan", "january"}, []string{"feb", "february"}, []string{"mar", "march"},
		[]string{"apr", "april"}, []string{"may"}, []string{"jun", "june"}, []string{"jul", "july"},
		[]string{"aug", "august"}, []string{"sep", "sept", "september"}, []string{"oct", "october"},
		[]string{"nov", "november"}, []string{"dec", "december"})
	unitWords = wordIndex([]string{"h", "hour", "hours"}, []string{"m", "minute", "minutes"}, []string{"s", "second", "seconds"})
	ampmWords = wordIndex([]string{"am", "a"}, []string{"pm", "p"})
	utcWords  = wordList("utc", "gmt", "z")
)

// longestWord is the length in bytes of the longest word of these.
const longestWord = len("wednesday")

func wordList(words ...string) map[string]int { return wordIndex(words) }

func wordIndex(groups ...[]string) map[string]int {
	index := map[string]int{}
	for i, words := range groups {
		for _, w := range words {
			index[w] = i
		}
	}
	return index
}

// in gives the token's place among words, without regard to case.
func (t token) in(words map[string]int) (place int, ok bool) {
	if len(t.text) > longestWord {
		return 0, false
	}
	if place, ok = words[t.text]; ok {
		return place, true
	}
	// Python's lower makes no known word of letters beyond ASCII, where Go's
	// would make an i of İ.
	var lower [longestWord]byte
	for i := range len(t.text) {
		c := t.text[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	place, ok = words[string(lower[:len(t.text)])]
	return place, ok
}

func (t token) isJump() bool {
	_, ok := t.in(jumpWords)
	return ok
}

func (t token) isUnit() bool {
	_, ok := t.in(unitWords)
	return ok
}

func (t token) isAMPM() bool {
	_, ok := t.in(ampmWords)
	return ok
}

func (t token) isUTC() bool {
	_, ok := t.in(utcWords)
	return ok
}

// couldBeZone says whether the token looks like a time zone's name.
func (t token) couldBeZone() bool {
	if t.text == "z" {
		return true
	}
	return len(t.text) <= 5 && strings.Trim(t.text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
