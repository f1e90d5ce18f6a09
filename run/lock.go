//go:build !windows

package run

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps other processes from locking f until it is closed, by whatever
// end of this process. It does not wait.
func lock(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

// locked reports whether err is that of a file which another process has locked.
func locked(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }
