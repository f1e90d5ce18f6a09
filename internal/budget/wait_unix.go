//go:build unix

package budget

import "syscall"

// noWait lets an open return at once where it would wait, as for the other end
// of a pipe. Reading a regular file is as without it.
const noWait = syscall.O_NONBLOCK
