package alerting

// Plan is what a workflow needs to decide whom to tell: it is read once in a
// while, and recorded.
type Plan struct {
	Settings Settings `json:"settings"`
	Channels []string `json:"channels"` // names of those that are set up
	// Problem is what is wrong with the settings; then these are the defaults: a
	// mistake in a file silences nobody.
	Problem string `json:"problem,omitempty"`
}
