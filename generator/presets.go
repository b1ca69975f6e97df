package generator

// Preset is a scenario of the demo: one batch with one thing wrong.
type Preset struct {
	Name  string // as it is typed
	Title string // as it is shown
	Apply func(*Config)
}

// Presets are the scenarios, in the order in which the demo plays them.
func Presets() []Preset {
	return []Preset{
		{"healthy", "nothing wrong", func(*Config) {}},
		{"additive-drift", "a new field in 2% of the events", func(c *Config) { c.AdditiveShare = 0.02 }},
		{"type-drift", "a number as text in 30% of the events", func(c *Config) { c.TypeShare = 0.30 }},
		{"missing-field", "a required field missing in 10% of the events", func(c *Config) { c.MissingShare = 0.10 }},
		{"late-minor", "8% of the events hours late", func(c *Config) { c.LateShare = 0.08 }},
		{"late-major", "22% of the events hours late", func(c *Config) { c.LateShare = 0.22 }},
		{"bad-minor", "2% of the events break a rule", func(c *Config) { c.BadShare = 0.02 }},
		{"bad-localized", "40% of Brazil's events break a rule, nobody else's", func(c *Config) { c.BadCountry, c.BadCountryShare = "BR", 0.40 }},
		{"bad-major", "9% of the events break a rule, everywhere", func(c *Config) { c.BadShare = 0.09 }},
		{"malformed", "1% of the events can't be decoded", func(c *Config) { c.MalformedShare = 0.01 }},
	}
}
