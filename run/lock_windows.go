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
func lock(f *os.File) error { return lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// share keeps other processes from lock, but not from share: whoever only asks
// whether a file is locked does not tell the next one that it is.
func share(f *os.File) error { return lockFile(f, 0) }

func lockFile(f *os.File, how uint32) error {
	at := &windows.Overlapped{Offset: math.MaxUint32, OffsetHigh: math.MaxInt32}
	how |= windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, at)
	if err != nil {
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

// locked reports whether err is that of a file which another process has locked.
func locked(err error) bool { return errors.Is(err, windows.ERROR_LOCK_VIOLATION) }
