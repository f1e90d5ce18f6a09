package protocol

import "syscall"

// dieWithParent has the kernel kill a process when the thread that started it ends,
// as it does when icar itself is killed.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
