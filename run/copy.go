package run

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Copy copies what the run in a folder of root goes on from to a directory, while
// a process may be writing the run. A pipe or a link elsewhere is no file of a run.
// The error of a run without a checkpoint is an fs.ErrNotExist, and there is no
// directory then.
func Copy(root *os.Root, name, to string) error {
	return WriteFolder(to, func(dir string) error { return copyRun(root, name, dir) })
}

// copyRun copies checkpoints before the metrics, which are whole up to a checkpoint
// before that is there, and the last one twice: the first time it may have been
// about to be replaced. DONE stays: it could be newer than the checkpoint.
func copyRun(root *os.Root, name, to string) error {
	from, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer from.Close()
	kept, _, err := keptIn(from.FS())
	if err != nil {
		return err
	}
	checkpoints := 0
	for _, name := range append(kept,
		ConfigFile, infoFile, checkpointFile, previousFile, checkpointFile, metricsFile,
	) {
		err := copyFile(from, name, filepath.Join(to, name))
		isCheckpoint := name == checkpointFile || name == previousFile
		switch {
		case err == nil && isCheckpoint:
			checkpoints++
		case errors.Is(err, fs.ErrNotExist) && isCheckpoint:
		case err != nil:
			return err
		}
	}
	if checkpoints == 0 {
		return fmt.Errorf("%s has no checkpoint: %w", from.Name(), fs.ErrNotExist)
	}
	return nil
}

// copyFile copies a file of a folder; a pipe or a link elsewhere is none.
func copyFile(from *os.Root, name, to string) (err error) {
	info, err := from.Lstat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", filepath.Join(from.Name(), name))
	}
	in, err := from.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync())
}
