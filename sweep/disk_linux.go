package sweep

import (
	"fmt"
	"path/filepath"
	"syscall"
)

// remote are the file systems, by statfs(2)'s magic number, of which several
// machines see the files without SQLite's shared memory.
var remote = map[int64]string{
	0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB", 0x517b: "SMB",
	0x0bd00bd0: "Lustre", 0x47504653: "GPFS", 0x00c36400: "Ceph", 0x19830326: "BeeGFS",
	0x65735546: "FUSE",
}

// localDisk refuses a file of SQLite's on a network file system, where its
// locks and its write-ahead log do not work.
func localDisk(file string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(file), &fs); err != nil {
		return fmt.Errorf("the folder of %s: %w: make it first", file, err)
	}
	if kind := remote[int64(uint32(fs.Type))]; kind != "" {
		return fmt.Errorf("%s is on %s, where SQLite loses data: use a local disk, or Postgres for "+
			"many machines", file, kind)
	}
	return nil
}
