package sweep

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// placeOfFile tells the file at a path from its copies: its inode and when that
// was made. Both stay when the file is written, renamed, or its disk is mounted
// anew, which the number of the device does not. It is "" where the file system
// keeps no times of birth.
func placeOfFile(path string) (string, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME,
		&st); err != nil {
		return "", fmt.Errorf("where %s is: %w", path, err)
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		return "", nil
	}
	return fmt.Sprintf("inode %d of %d.%09d", st.Ino, st.Btime.Sec, st.Btime.Nsec), nil
}
