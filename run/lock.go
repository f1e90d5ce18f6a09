//go:build !windows && !js

package run

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps other processes from locking f until it is closed, by whatever
// end of this process. It does not wait.
func lock(f *os.File) error { return flock(f, syscall.LOCK_EX) }

// share keeps other processes from lock, but not from share: whoever only asks
// whether a file is locked does not tell the next one that it is.
func share(f *os.File) error { return flock(f, syscall.LOCK_SH) }

func flock(f *os.File, how int) error {
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

// locked reports whether err is that of a file which another process has locked.
func locked(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }
