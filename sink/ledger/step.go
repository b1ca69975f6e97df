//go:build !crashpoints

package ledger

// Step is what a sink calls between the steps of a commit. It does nothing,
// but in a program that is built with the tag crashpoints.
func Step(string) {}
