//go:build unix

package protocol

import (
	"os/exec"
	"syscall"
)

// own makes a process the leader of a group of its own: what it starts belongs to
// the group too, and an interrupt from the keyboard reaches icar alone, which then
// ends the group.
func own(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(c.SysProcAttr)
}

// end kills a process and all of its group.
func end(c *exec.Cmd) {
	// The only error is that there is nobody left, which is what is wanted.
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
}
