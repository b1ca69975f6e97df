package devstack

import "syscall"

// childAttr gives a child a process group of its own, so that Ctrl-C in a
// terminal reaches the parent alone, and has the kernel kill it when the
// parent dies in a way that runs no code.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
