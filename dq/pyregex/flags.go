package pyregex

import (
	"errors"
	"strings"
)

// flags are Python's inline flags.
type flags struct{ ascii, ignore, multi, dotall, verbose bool }

// global reads flags for all of the pattern. Nothing but comments, and white
// space that is skipped, may stand before them.
func (t *translator) global() error {
	letters := ""
	for t.at < len(t.in) {
		if skipped, err := t.comment(); err != nil || skipped {
			if err != nil {
				return err
			}
			continue
		}
		if t.flags.verbose && t.skipped() {
			continue
		}
		end := strings.IndexByte(t.rest(), ')')
		if end < 3 || !t.has("(?") || strings.Trim(t.rest()[2:end], allFlags) != "" {
			break
		}
		letters += t.rest()[2:end]
		t.at += end + 1
		if err := t.flags.set(letters, true); err != nil {
			return err
		}
	}
	return nil
}

// allFlags are those that Python knows in a pattern.
const allFlags = "aiLmsux"

// set turns flags on or off.
func (f *flags) set(letters string, on bool) error {
	switch {
	case strings.Contains(letters, "L"):
		return errors.New("flag L is for patterns of bytes")
	case on && strings.Contains(letters, "a") && strings.Contains(letters, "u"):
		return errors.New("flags a and u are incompatible")
	case !on && strings.ContainsAny(letters, "au"):
		return errors.New("flags a and u can't be turned off")
	}
	for _, name := range letters {
		switch name {
		case 'a':
			f.ascii = true
		case 'i':
			f.ignore = on
		case 'm':
			f.multi = on
		case 's':
			f.dotall = on
		case 'x':
			f.verbose = on
		case 'u':
			f.ascii = false
		}
	}
	return nil
}

// scoped reads the flags of (?i-s:…).
func (t *translator) scoped() error {
	end := strings.IndexAny(t.rest(), ":)")
	if end < 1 || strings.Trim(t.rest()[:end], allFlags+"-") != "" {
		return errors.New("unknown extension after (?")
	}
	on, off, turnsOff := strings.Cut(t.rest()[:end], "-")
	switch {
	case t.rest()[end] == ')' && !turnsOff:
		return errors.New("global flags not at the start of the expression")
	case t.rest()[end] == ')' || strings.Contains(off, "-"):
		return errors.New("missing : after flags")
	case turnsOff && off == "":
		return errors.New("missing flag")
	case off != "" && strings.ContainsAny(on, off):
		return errors.New("flag turned on and off")
	}
	t.at += end + 1
	return errors.Join(t.flags.set(on, true), t.flags.set(off, false))
}
