//go:build !unix

package protocol

import "os/exec"

// own does nothing: there are no groups of processes.
func own(*exec.Cmd) {}

// end kills a process, not those that it has started.
func end(c *exec.Cmd) {
	// The only error is that it has ended, which is what is wanted.
	_ = c.Process.Kill()
}
