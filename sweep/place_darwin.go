package sweep

import (
	"fmt"
	"syscall"
)

// placeOfFile tells the file at a path from its copies: its inode and when that
// was made.
func placeOfFile(path string) (string, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return "", fmt.Errorf("where %s is: %w", path, err)
	}
	return fmt.Sprintf("inode %d of %d.%09d", st.Ino, st.Birthtimespec.Sec,
		st.Birthtimespec.Nsec), nil
}
