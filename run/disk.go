package run

import "os"

// disk is what changes files: the operating system, or in tests one that
// fails or tears the k-th change.
type disk interface {
	write(f *os.File, data []byte) (int, error)
	sync(f *os.File) error
	truncate(f *os.File, size int64) error
	rename(old, new string) error
	syncFolder(dir string) error
}

// system is the operating system's disk.
type system struct{}

func (system) write(f *os.File, data []byte) (int, error) { return f.Write(data) }
func (system) sync(f *os.File) error                      { return f.Sync() }
func (system) truncate(f *os.File, size int64) error      { return f.Truncate(size) }
func (system) rename(old, new string) error               { return os.Rename(old, new) }
func (system) syncFolder(dir string) error                { return SyncFolder(dir) }

// onDisk is a file as an io.Writer.
type onDisk struct {
	disk
	file *os.File
}

func (w onDisk) Write(data []byte) (int, error) { return w.write(w.file, data) }
