package run

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// lock keeps other processes from locking f until it is closed, by whatever
// end of this process. It does not wait. The byte that is locked lies beyond
// every file's end, since others may not read what is locked.
func lock(f *os.File) error {
	at := &windows.Overlapped{Offset: math.MaxUint32, OffsetHigh: math.MaxInt32}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if err != nil {
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

// locked reports whether err is that of a file which another process has locked.
func locked(err error) bool { return errors.Is(err, windows.ERROR_LOCK_VIOLATION) }
