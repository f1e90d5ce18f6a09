package sweep

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A SQLite file on a disk that several machines share is refused: the disk of
// the test is taken for one.
func TestNetworkDisk(t *testing.T) {
	dir := t.TempDir()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	magic := int64(uint32(fs.Type))
	if kind := remote[magic]; kind != "" {
		t.Fatalf("tests run on %s", kind)
	}
	file := filepath.Join(dir, "sweep.db")
	if err := localDisk(file); err != nil {
		t.Fatal(err)
	}
	remote[magic] = "NFS"
	defer delete(remote, magic)
	_, err := Open(t.Context(), Address{file: file})
	if err == nil || !strings.Contains(err.Error(),
		"is on NFS, where SQLite loses data: use a local disk, or Postgres") {
		t.Errorf("%v", err)
	}
}
