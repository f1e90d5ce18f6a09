//go:build unix && !linux

package protocol

import "syscall"

// dieWithParent does nothing where the kernel offers nothing: a program whose parent
// is gone finds its standard input closed.
func dieWithParent(*syscall.SysProcAttr) {}
