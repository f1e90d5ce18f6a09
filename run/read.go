package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"icar/internal/budget"
)

// State says how far a run has come.
type State string

// The states of a run.
const (
	Complete State = "complete"
	Running  State = "running"  // a process is writing it
	Stopped  State = "stopped"  // before its end
	Diverged State = "diverged" // its numbers have grown beyond use, see Info.Diverged
	Damaged  State = "damaged"  // its files cannot be read, see Run.Err
)

// Run is what the directory of a run tells without its weights. Reading
// changes nothing and can be done beside the process that writes it: what that
// has not written whole is left out.
type Run struct {
	Path    string
	State   State
	Config  []byte // config.yaml
	Info    Info
	Label   Label
	Metrics []Metric
	Seconds float64 // wall time of the steps, as far as recorded
	Err     error   // why it is damaged
}

// Read reads the directory of a run. The error says that it holds none, or
// what about it cannot be read.
func Read(path string) (Run, error) { return ReadFS(budget.Folder(path), path) }

// ReadFS is Read of the directory that is the root of fsys, such as that of an
// os.Root, out of which no symbolic link leads. The path is its name.
func ReadFS(fsys fs.FS, path string) (Run, error) {
	saved, err := readRun(fsys)
	if err != nil {
		return Run{}, fmt.Errorf("%s %w", path, err)
	}
	r := Run{Path: path, State: Stopped, Config: saved.Config, Info: saved.Info}
	if r.Metrics, err = readMetrics(fsys); err != nil {
		return Run{}, fmt.Errorf("%s: %w", filepath.Join(path, metricsFile), err)
	}
	if r.Seconds, err = readSeconds(fsys); err != nil {
		return Run{}, fmt.Errorf("%s: %w", filepath.Join(path, timingsFile), err)
	}
	if r.Label, err = readLabel(fsys); err != nil {
		return Run{}, fmt.Errorf("%s: %w", path, err)
	}
	switch busy, err := running(fsys); {
	case err != nil:
		return Run{}, fmt.Errorf("%s: %w", path, err)
	case saved.Done:
		r.State = Complete
	case busy:
		r.State = Running
	case saved.Info.Diverged != "":
		r.State = Diverged
	}
	return r, nil
}

// Checkpoint returns the path of the last checkpoint, or of the one before it
// if the last is missing.
func (r Run) Checkpoint() string {
	last, previous := filepath.Join(r.Path, checkpointFile), filepath.Join(r.Path, previousFile)
	if _, err := os.Stat(last); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(previous); err == nil {
			return previous
		}
	}
	return last
}

// OpenCheckpoint opens the last checkpoint of the run in a folder of fsys, or the
// one before it if the last is missing, and returns its name. The error is an
// fs.ErrNotExist if there is none.
func OpenCheckpoint(fsys fs.FS, folder string) (f fs.File, name string, err error) {
	for _, file := range []string{checkpointFile, previousFile} {
		name = path.Join(folder, file)
		if f, err = budget.OpenIn(fsys, name); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return f, name, err
}

// Made returns when the run in a folder of fsys was made. The error is an
// fs.ErrNotExist if it holds none.
func Made(fsys fs.FS, folder string) (time.Time, error) {
	info, err := fs.Lstat(fsys, path.Join(folder, infoFile))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// running reports whether a process holds the lock of a run.
func running(fsys fs.FS) (bool, error) {
	f, err := budget.OpenIn(fsys, metricsFile)
	if err != nil {
		return false, err
	}
	defer f.Close()
	file, ok := f.(*os.File)
	if !ok {
		return false, nil // a file system in which nothing runs
	}
	err = share(file)
	if locked(err) {
		return true, nil
	}
	return false, err
}

// List reads all runs in root and the folders below, sorted by path. What
// looks like a run and cannot be read is Damaged. The root may be a symbolic
// link; those below it are not followed.
func List(root string) ([]Run, error) {
	var runs []Run
	folder := os.DirFS(root)
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !entry.IsDir() {
			return nil
		}
		if _, err := Made(folder, name); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		r, err := Read(path)
		if err != nil {
			r = Run{Path: path, State: Damaged, Err: err}
		}
		runs = append(runs, r)
		return fs.SkipDir
	})
	return runs, err
}

// Remove removes the directory of a run. One that a process is writing, that
// holds anything else, is a symbolic link or no run is left as it is; the
// error says what to do.
func Remove(path string) error {
	full, err := filepath.Abs(path) // without the slash at the end that would follow a link
	if err != nil {
		return err
	}
	entry, err := os.Lstat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %w: there is nothing of that name", path, ErrNoRun)
	case err != nil:
		return err
	case entry.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link: "+
			"remove it yourself, or name the directory that it leads to", path)
	}
	if err := empty(full, entry); err != nil {
		return fmt.Errorf("%s %w", path, err)
	}
	return os.Remove(full)
}

// empty removes the files of the run in a directory, which is the one that
// entry described: it is opened once, and nothing outside it is reached,
// whatever is put in its place meanwhile.
func empty(path string, entry fs.FileInfo) error {
	dir, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if opened, err := dir.Stat("."); err != nil {
		return err
	} else if !os.SameFile(entry, opened) {
		return errors.New("was replaced meanwhile: nothing was removed")
	}
	if _, err := readRun(budget.Root(dir)); err != nil {
		return err
	}
	if _, err := filesOf(path); err != nil {
		return err // before anything that is no file of a run is opened
	}
	f, err := dir.Open(metricsFile)
	if err != nil {
		return err
	}
	defer f.Close() // with it goes the lock
	if err := lockSoon(f); locked(err) {
		return fmt.Errorf("%w: stop it first", ErrRunning)
	} else if err != nil {
		return err
	}
	files, err := filesOf(path)
	for _, name := range files {
		err = errors.Join(err, dir.Remove(name))
	}
	return err
}

// filesOf returns the files of a run in the order to remove them: those that
// tell a run from other directories last. Others are an error.
func filesOf(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	kept, half, err := keptIn(os.DirFS(path))
	if err != nil {
		return nil, err
	}
	files := slices.Concat(half, kept)
	for _, name := range []string{labelFile, doneFile, previousFile, checkpointFile, timingsFile,
		metricsFile, ConfigFile, infoFile} {
		left, err := leftovers(path, name)
		if err != nil {
			return nil, err
		}
		files = append(files, left...)
		if _, err := os.Lstat(filepath.Join(path, name)); err == nil {
			files = append(files, name)
		}
	}
	for _, e := range entries {
		if !slices.Contains(files, e.Name()) || !e.Type().IsRegular() {
			return nil, fmt.Errorf("holds %s, which is no file of a run: move it away first",
				e.Name())
		}
	}
	return files, nil
}
