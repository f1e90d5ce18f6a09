package run

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// ErrFault is what a faulty disk answers.
var ErrFault = errors.New("the disk has failed")

// Fault says what happens at the k-th change of a disk.
type Fault struct {
	At   int  // 1, 2, …
	Tear bool // half of a write is made, a rename is made and reported as failed
	Dead bool // everything after it fails too, as when the machine stops
	Lose bool // with Dead: what no fsync has made durable is undone
}

// FaultyDisk makes one change fail.
type FaultyDisk struct {
	Fault
	Changes   int                       // so far
	Committed map[[sha256.Size]byte]int // checkpoints that were renamed into place, by their content
	// durable bytes of the files that were written, by their present names
	synced  map[string]int64
	renames []renamed // that no fsync has made durable, in their order
}

type renamed struct{ old, new, replaced string }

// CreateOn is Create on such a disk.
func (d *FaultyDisk) CreateOn(path string, config []byte, info Info) (*Dir, error) {
	d.synced, d.Committed = map[string]int64{}, map[[sha256.Size]byte]int{}
	return create(d, path, config, info)
}

// ExtendOn is Extend on such a disk.
func (d *FaultyDisk) ExtendOn(path, arithmetic string, config []byte) (*Dir, Saved, error) {
	d.synced, d.Committed = map[string]int64{}, map[[sha256.Size]byte]int{}
	return open(d, path, arithmetic, false, config)
}

// change counts a change and returns its fault. When the machine stops, crash
// takes back what is not durable.
func (d *FaultyDisk) change() (fault, tear bool) {
	d.Changes++
	if d.Changes == d.At {
		return true, d.Tear
	}
	return d.Dead && d.Changes > d.At && d.At > 0, false
}

func (d *FaultyDisk) crash() error {
	if !d.Lose || d.Changes != d.At {
		return ErrFault
	}
	for name, size := range d.synced {
		if err := ignore(os.ErrNotExist, os.Truncate(name, size)); err != nil {
			return err
		}
	}
	for i := len(d.renames) - 1; i >= 0; i-- {
		r := d.renames[i]
		err := os.Rename(r.new, r.old)
		if r.replaced != "" {
			err = errors.Join(err, os.Rename(r.replaced, r.new))
		}
		if err != nil {
			return err
		}
	}
	return ErrFault
}

func (d *FaultyDisk) write(f *os.File, data []byte) (int, error) {
	if _, known := d.synced[f.Name()]; !known {
		d.synced[f.Name()] = 0
	}
	fault, tear := d.change()
	if !fault {
		return f.Write(data)
	}
	n := 0
	if tear {
		n, _ = f.Write(data[:len(data)/2])
	}
	return n, d.crash()
}

func (d *FaultyDisk) sync(f *os.File) error {
	if fault, _ := d.change(); fault {
		return d.crash()
	}
	size, err := f.Seek(0, io.SeekCurrent)
	d.synced[f.Name()] = size
	return errors.Join(err, f.Sync())
}

func (d *FaultyDisk) truncate(f *os.File, size int64) error {
	if fault, _ := d.change(); fault {
		return d.crash()
	}
	return f.Truncate(size)
}

func (d *FaultyDisk) rename(old, new string) error {
	fault, tear := d.change()
	if fault && !tear {
		return d.crash()
	}
	r := renamed{old: old, new: new}
	if _, err := os.Stat(new); err == nil && d.Lose {
		r.replaced = filepath.Join(filepath.Dir(new), "replaced")
		if err := os.Link(new, r.replaced); err != nil {
			return err
		}
	}
	err := os.Rename(old, new)
	if err == nil {
		d.renames = append(d.renames, r)
		if size, known := d.synced[old]; known { // else it was there before
			d.synced[new] = size
			delete(d.synced, old)
		}
		if filepath.Base(new) == checkpointFile {
			data, err := os.ReadFile(new)
			if err != nil {
				return err
			}
			d.Committed[sha256.Sum256(data)] = len(d.Committed)
		}
	}
	if fault {
		return d.crash()
	}
	return err
}

func (d *FaultyDisk) syncFolder(dir string) error {
	if fault, _ := d.change(); fault {
		return d.crash()
	}
	for _, r := range d.renames {
		if r.replaced != "" {
			if err := ignore(os.ErrNotExist, os.Remove(r.replaced)); err != nil {
				return err
			}
		}
	}
	d.renames = nil
	return SyncFolder(dir)
}
