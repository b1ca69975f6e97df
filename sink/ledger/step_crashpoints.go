//go:build crashpoints

package ledger

// OnStep is called between the steps of a commit, by every sink of this
// process. Who sets it, sets it before the first sink is opened.
var OnStep = func(point string) {}

// Step is what a sink calls between the steps of a commit.
func Step(point string) { OnStep(point) }
