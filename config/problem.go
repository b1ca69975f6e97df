package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// fileError says in which file problems are, and in which line, as far as the
// setting that they name stands in it.
type fileError struct {
	file string
	root *yaml.Node // nil if the file is no YAML, or couldn't be read
	err  error
}

// inFile wraps what is wrong with a file; nil stays nil.
func inFile(file string, root *yaml.Node, err error) error {
	if err == nil {
		return nil
	}
	return &fileError{file: file, root: root, err: err}
}

func (e *fileError) Unwrap() error { return e.err }

// Error gives a line for each problem.
func (e *fileError) Error() string {
	var lines []string
	for _, leaf := range leaves(e.err) {
		at := e.file
		var f *pipeline.Fault
		if errors.As(leaf, &f) && f.Setting != "" {
			if n := lineOf(e.root, f.Setting); n > 0 {
				at = fmt.Sprintf("%s:%d", e.file, n)
			}
		}
		lines = append(lines, at+": "+leaf.Error())
	}
	return strings.Join(lines, "\n")
}

// leaves takes joined errors apart.
func leaves(err error) []error {
	switch e := err.(type) { //nolint:errorlint // it is this very error's own shape that is asked for
	case interface{ Unwrap() []error }:
		var out []error
		for _, sub := range e.Unwrap() {
			out = append(out, leaves(sub)...)
		}
		return out
	case *pipeline.Fault:
		if joined, ok := e.Err.(interface{ Unwrap() []error }); ok {
			var out []error
			for _, sub := range joined.Unwrap() {
				out = append(out, leaves(&pipeline.Fault{Kind: e.Kind, Setting: e.Setting, Err: sub})...)
			}
			return out
		}
	}
	return []error{err}
}

// lineOf finds a setting like "policy.late_major" or "source.topic /
// KAFKA_TOPIC" in a file, or its nearest part that stands there; 0 if none.
// Items of a list are counted from 0.
func lineOf(root *yaml.Node, setting string) int {
	if root == nil || len(root.Content) == 0 {
		return 0
	}
	path, _, _ := strings.Cut(setting, " ")
	n, line := root.Content[0], 0
	for _, key := range strings.Split(path, ".") {
		next := child(n, key)
		if next == nil {
			break
		}
		n, line = next, next.Line
	}
	return line
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
