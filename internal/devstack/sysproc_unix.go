//go:build unix && !linux

package devstack

import "syscall"

// childAttr gives a child a process group of its own, so that Ctrl-C in a
// terminal reaches the parent alone. Only Linux can also kill it when the
// parent is killed.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
