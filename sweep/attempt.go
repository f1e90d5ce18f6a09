package sweep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"icar/run"
)

// Attempts are the run directories of the trials of sweeps.
//
//	FOLDER/SWEEP/TRIAL/EPOCH/  that of an attempt
//
// Nothing but the attempt of that epoch ever writes there: the next one copies
// the last checkpoint to a directory of its own.
type Attempts struct {
	Folder string
	Log    *slog.Logger
}

func (a Attempts) trial(c Claim) string { return filepath.Join(a.Folder, c.Sweep, c.ID) }

// Path returns the directory of the attempt of a claim.
func (a Attempts) Path(c Claim) string {
	return filepath.Join(a.trial(c), strconv.FormatInt(c.Epoch, 10))
}

// Inherit makes the directory of an attempt with the last checkpoint of an
// earlier one that is whole, of this program and of that arithmetic, and opens
// it. Without one
// there is no directory and dir and saved are nil.
func (a Attempts) Inherit(c Claim, arithmetic string) (dir *run.Dir, saved *run.Saved, err error) {
	path := a.Path(c)
	for _, epoch := range a.epochs(c) {
		if epoch >= c.Epoch {
			continue
		}
		earlier := filepath.Join(a.trial(c), strconv.FormatInt(epoch, 10))
		err := run.WriteFolder(path, func(dir string) error { return copyRun(earlier, dir) })
		if err == nil {
			var dir *run.Dir
			var saved run.Saved
			if dir, saved, err = run.Open(path, arithmetic, false); err == nil {
				if err = ours(saved); err == nil {
					return dir, &saved, nil
				}
				if dir != nil {
					err = errors.Join(err, dir.Close())
				}
			}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			a.Log.Warn("an earlier attempt cannot be gone on with", "trial", c.ID, "epoch", c.Epoch, "earlier", epoch, "error", err)
		}
		if err := os.RemoveAll(path); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, nil
}

// epochs returns the epochs of a trial's directories, the last first.
func (a Attempts) epochs(c Claim) []int64 {
	entries, err := os.ReadDir(a.trial(c))
	if err != nil {
		return nil // none is within reach
	}
	var all []int64
	for _, e := range entries {
		if n, err := strconv.ParseInt(e.Name(), 10, 64); err == nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

// Recorded removes the files of the attempts before the one that was recorded.
func (a Attempts) Recorded(c Claim) {
	for _, epoch := range a.epochs(c) {
		if epoch < c.Epoch {
			if err := os.RemoveAll(filepath.Join(a.trial(c), strconv.FormatInt(epoch, 10))); err != nil {
				a.Log.Warn("files of an earlier attempt are left", "trial", c.ID, "epoch", epoch, "error", err)
			}
		}
	}
}

// copyRun copies what a run goes on from while its process may be writing it.
// Checkpoints come before the metrics, which are whole up to a checkpoint
// before that is there. DONE stays: it could be newer than the checkpoint.
func copyRun(from, to string) error {
	names := []string{"config.yaml", "run.json", "checkpoint.safetensors", "checkpoint.previous.safetensors", "checkpoint.safetensors", "metrics.jsonl"}
	checkpoints := 0
	for _, name := range names {
		err := copyFile(filepath.Join(from, name), filepath.Join(to, name))
		isCheckpoint := name == names[2] || name == names[3]
		switch {
		case err == nil && isCheckpoint:
			checkpoints++
		case errors.Is(err, fs.ErrNotExist) && isCheckpoint:
		case err != nil:
			return err
		}
	}
	if checkpoints == 0 {
		return fmt.Errorf("%s has no checkpoint: %w", from, fs.ErrNotExist)
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
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
