package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
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
// the last checkpoint to a directory of its own. What is read, made and removed
// is below the folder, whatever the trial is called and whatever links are there.
// Negative epochs are of attempts that a restored database does not know of.
type Attempts struct {
	Folder string
	Log    *slog.Logger
	// Held returns an error if a claim is no longer its worker's; nil is never asked.
	Held func(Claim) error
}

// Path returns the directory of the attempt of a claim.
func (a Attempts) Path(c Claim) string {
	return filepath.Join(a.Folder, c.Sweep, c.ID, attempt(c.Epoch))
}

func attempt(epoch int64) string { return strconv.FormatInt(epoch, 10) }

// sweep opens the folder of a claim's sweep, with make one that is made if it
// is missing.
func (a Attempts) sweep(c Claim, make bool) (*os.Root, error) {
	if make {
		if err := os.MkdirAll(a.Folder, 0o777); err != nil {
			return nil, err
		}
	}
	folder, err := os.OpenRoot(a.Folder)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return below(folder, c.Sweep, make)
}

// trial opens the folder of a claim's trial, which may be made too.
func (a Attempts) trial(c Claim, make bool) (*os.Root, error) {
	sweep, err := a.sweep(c, make)
	if err != nil {
		return nil, err
	}
	defer sweep.Close()
	return below(sweep, c.ID, make)
}

// below opens a folder in another, which is no link to elsewhere.
func below(above *os.Root, name string, make bool) (*os.Root, error) {
	if name != filepath.Base(name) || !filepath.IsLocal(name) || name == "." {
		return nil, fmt.Errorf("%.80q is no name of a folder: %w", name, ErrRow)
	}
	if make {
		if err := above.Mkdir(name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	info, err := above.Lstat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder: remove it, or choose another folder with --files",
			filepath.Join(above.Name(), name))
	}
	if err != nil {
		return nil, err
	}
	return above.OpenRoot(name)
}

// Inherit makes the directory of an attempt with the last checkpoint of an
// earlier one that is whole, of this program and of one of these arithmetics, and
// opens it. Without one there is no directory, but the one that it belongs into, and dir
// and saved are nil. The error may be that the directory would not be below the
// folder.
func (a Attempts) Inherit(c Claim, arithmetics ...string) (dir *run.Dir, saved *run.Saved,
	err error) {
	path := a.Path(c)
	trial, err := a.trial(c, true)
	if err != nil {
		return nil, nil, err
	}
	defer trial.Close()
	if err := a.putBack(trial, c); err != nil {
		return nil, nil, err
	}
	for _, epoch := range epochs(trial) {
		err := run.Copy(trial, attempt(epoch), path)
		if err == nil {
			var dir *run.Dir
			var saved run.Saved
			if dir, saved, err = openIn(path, arithmetics); err == nil {
				if err = ours(saved); err == nil {
					return dir, &saved, nil
				}
				if dir != nil {
					err = errors.Join(err, dir.Close())
				}
			}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			a.Log.Warn("an earlier attempt cannot be gone on with", "trial", c.ID, "epoch", c.Epoch,
				"earlier", epoch, "error", err)
		}
		if err := trial.RemoveAll(attempt(c.Epoch)); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, nil
}

// openIn opens a run that is in one of these arithmetics: a trial may be of a model that
// its processor leaves to another. The error is that of the first.
func openIn(path string, arithmetics []string) (dir *run.Dir, saved run.Saved, err error) {
	for i, a := range arithmetics {
		d, s, failed := run.Open(path, a, false)
		if failed == nil {
			return d, s, nil
		}
		if i == 0 {
			err = failed
		}
	}
	return nil, run.Saved{}, err
}

// putBack makes attempts that are not before a claim ones that are: a database that
// was restored from a backup gives epochs again which it had given before. They
// keep their order and come after those that it knows of. A worker that was stopped
// sees the attempt of who has its trial now in the same way, so the claim is looked
// at once they are listed: if it is held then, none of these is anybody's.
func (a Attempts) putBack(trial *os.Root, c Claim) (err error) {
	ahead := slices.DeleteFunc(epochs(trial), func(epoch int64) bool { return epoch < c.Epoch })
	if len(ahead) > 0 && a.Held != nil {
		if err := a.Held(c); err != nil {
			return err
		}
	}
	for _, epoch := range ahead {
		to := attempt(epoch + math.MinInt64)
		err = errors.Join(err, trial.RemoveAll(to), trial.Rename(attempt(epoch), to))
	}
	return err
}

// epochs returns the epochs of a trial's directories, the last first.
func epochs(trial *os.Root) []int64 {
	entries, err := fs.ReadDir(trial.FS(), ".")
	if err != nil {
		return nil // none is within reach
	}
	var all []int64
	for _, e := range entries {
		if n, err := strconv.ParseInt(e.Name(), 10, 64); err == nil && e.IsDir() {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

// Recorded removes the files of the attempts before the one that was recorded.
func (a Attempts) Recorded(c Claim) {
	trial, err := a.trial(c, false)
	if err == nil {
		defer trial.Close()
		for _, epoch := range epochs(trial) {
			if epoch < c.Epoch {
				err = errors.Join(err, trial.RemoveAll(attempt(epoch)))
			}
		}
	}
	a.left(c, err)
}

// Remove removes the files of a trial.
func (a Attempts) Remove(c Claim) {
	sweep, err := a.sweep(c, false)
	if err == nil {
		defer sweep.Close()
		err = sweep.RemoveAll(c.ID)
	}
	a.left(c, err)
}

// left tells of files that could not be removed.
func (a Attempts) left(c Claim, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.Log.Warn("files of a trial are left", "trial", c.ID, "epoch", c.Epoch, "error", err)
	}
}
