package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"icar/internal/budget"
	"icar/nn/safetensors"
)

// Saved is what the directory of a run holds, up to its last checkpoint.
type Saved struct {
	Config     []byte // config.yaml
	Info       Info
	Checkpoint Checkpoint // of step 0 and without weights if none was written yet
	Metrics    []Metric   // of the steps up to the checkpoint
	Done       bool       // the run is complete
	// Damaged says why the last checkpoint was passed over for the one before
	// it, nil if it was not.
	Damaged error
}

// ErrNoRun is the error about a directory that holds no run.
var ErrNoRun = errors.New("holds no run")

// ErrRunning is the error about a run that another process is writing.
var ErrRunning = errors.New("is being written by another process")

// ErrUnwritable is the error about a run whose directory cannot be written.
var ErrUnwritable = errors.New("cannot be written")

// ErrDiverged is the error about a run whose numbers have grown beyond use, which
// they would do again.
var ErrDiverged = errors.New("has diverged")

// maxConfig is more than any config.yaml or run.json needs, in bytes.
const maxConfig = 1 << 16

// Open opens the directory of a run to go on with it at its last checkpoint,
// or at the one before if that is damaged. What was recorded after it is cut
// off. A run that has diverged is refused. A run of another arithmetic is
// refused, unless mixed; then run.json names both from now on, and so is one
// whose initial weights came from a file and which has no checkpoint. A run of
// another program is gone on with, and run.json and the checkpoints name both
// from now on: whoever wants the bits of one program asks the saved
// [Info.Ours]. Nothing is changed when there is an error.
//
// The Dir of a run that is done is nil.
func Open(path, arithmetic string, mixed bool) (*Dir, Saved, error) {
	return open(system{}, path, arithmetic, mixed, nil)
}

// open opens a run, or with a configuration extends it to that.
func open(on disk, path, arithmetic string, mixed bool,
	extended []byte) (d *Dir, s Saved, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s %w", path, err)
			if d != nil {
				err = errors.Join(err, d.Close())
			}
			d = nil
		}
	}()
	if s, err = readRun(budget.Folder(path)); err != nil {
		return nil, s, err
	}
	if s.Info.Diverged != "" {
		return nil, s, fmt.Errorf("%w: %s", ErrDiverged, s.Info.Diverged)
	}
	finished := s.Done && extended == nil
	if s.Info.Arithmetic != arithmetic && !mixed && !finished {
		return nil, s, fmt.Errorf("was computed in the arithmetic %s, this would be %s, whose bits "+
			"differ: resume it on a machine like the first, or use --allow-different-arithmetic",
			s.Info.Arithmetic, arithmetic)
	}
	d = &Dir{on: on, path: path, settings: s.Config, arithmetic: s.Info.Arithmetic,
		program: s.Info.Program, info: s.Info}
	if finished {
		err = d.finished(&s)
		return nil, s, err
	}
	if d.metrics, err = openLines(on, path, metricsFile); err != nil {
		return d, s, fmt.Errorf("%w: %w; resume it when it can be", ErrUnwritable, err)
	}
	if err := lockSoon(d.metrics.file); locked(err) {
		return d, s, fmt.Errorf("%w: wait for it or stop it", ErrRunning)
	} else if err != nil {
		return d, s, err
	}
	length, previous, err := d.choose(&s)
	if err != nil {
		return d, s, err
	}
	if d.timings, err = openLines(on, path, timingsFile); err == nil {
		err = d.rewind(s, length, previous, arithmetic)
	}
	if err == nil && extended != nil {
		err = d.extend(&s, extended)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w; resume it when it can be", ErrUnwritable, err)
	}
	return d, s, err
}

// finished fills s from a run that is done: nothing will be written, so that
// the directory may be read-only and needs no lock.
func (d *Dir) finished(s *Saved) error {
	f, err := os.Open(filepath.Join(d.path, metricsFile))
	if err != nil {
		return err
	}
	d.metrics = &lines{on: d.on, file: f}
	_, _, err = d.choose(s)
	return errors.Join(err, d.Close())
}

// lockSoon is lock that gives readers, who hold the lock for a moment to see
// whether it is free, the time to let go of it.
func lockSoon(f *os.File) (err error) {
	for range 10 {
		if err = lock(f); !locked(err) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

// readRun reads what tells a run from other directories.
func readRun(fsys fs.FS) (s Saved, err error) {
	if s.Config, err = readSmall(fsys, ConfigFile); errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("%w: there is no %s in it; name a directory that icar train has written",
			ErrNoRun, ConfigFile)
	} else if err != nil {
		return s, err
	}
	data, err := readSmall(fsys, infoFile)
	if err == nil {
		err = budget.Unmarshal(data, &s.Info, budget.Record())
	}
	if err != nil {
		return s, fmt.Errorf("has no readable %s: %w", infoFile, err)
	}
	if s.Info.Version != formatVersion {
		return s, fmt.Errorf("is a run of version %d, this icar reads version %d: use the icar that "+
			"wrote it", s.Info.Version, formatVersion)
	}
	s.Info.Arithmetic = Arithmetic(s.Info.Arithmetic)
	_, err = fs.Stat(fsys, doneFile)
	s.Done = err == nil
	return s, ignore(fs.ErrNotExist, err)
}

func readSmall(fsys fs.FS, path string) ([]byte, error) {
	return budget.ReadIn(fsys, path, maxConfig)
}

// choose fills s from the last checkpoint that is whole and returns the bytes
// of metrics.jsonl that belong to it, and whether it is the previous one.
func (d *Dir) choose(s *Saved) (length int64, previous bool, err error) {
	length, err = d.load(s, checkpointFile)
	if errors.As(err, new(foreign)) && d.halfExtended() {
		length, err = d.load(s, previousFile)
		return length, true, err
	}
	if err == nil || errors.As(err, new(foreign)) {
		return length, false, err
	}
	length, err2 := d.load(s, previousFile)
	none := errors.Is(err, fs.ErrNotExist)
	switch {
	case err2 == nil && !none:
		s.Damaged = err
		fallthrough
	case err2 == nil:
		return length, true, nil
	case none && errors.Is(err2, fs.ErrNotExist) && s.Info.Init == "" && !s.Done:
		return 0, false, nil
	case none && errors.Is(err2, fs.ErrNotExist):
		return 0, false, errors.New("has no checkpoint: remove it and start again")
	default:
		return 0, false, fmt.Errorf("has no checkpoint that is whole: %w; remove it and start again",
			errors.Join(err, ignore(fs.ErrNotExist, err2)))
	}
}

// load fills s from a checkpoint.
func (d *Dir) load(s *Saved, name string) (length int64, err error) {
	file, err := safetensors.ReadFile(filepath.Join(d.path, name))
	if err != nil {
		return 0, err
	}
	c, counted, err := parse(file, hash(d.settings))
	if err != nil {
		return 0, fmt.Errorf("%s %w", name, err)
	}
	metrics, err := d.metrics.read(counted)
	if err != nil {
		return 0, fmt.Errorf("%s counts %d bytes of %s: %w", name, counted.bytes, metricsFile, err)
	}
	if len(metrics) != c.Step {
		return 0, fmt.Errorf("%s is of step %d and counts %d lines of %s", name, c.Step,
			len(metrics), metricsFile)
	}
	s.Checkpoint, s.Metrics = c, metrics
	return counted.bytes, nil
}

// join records that this program goes on with a run, in that arithmetic.
func (d *Dir) join(info Info, arithmetic string) error {
	was := info
	if info.Arithmetic != arithmetic {
		info.Arithmetic += "+" + arithmetic
	}
	if !info.Ours() {
		info.Program = info.joined()
	}
	if info == was {
		return nil
	}
	d.arithmetic, d.program = info.Arithmetic, info.Program
	return d.writeInfo(info)
}

// rewind makes the directory what it was when the checkpoint was written.
func (d *Dir) rewind(s Saved, length int64, previous bool, arithmetic string) error {
	for _, name := range []string{ConfigFile, infoFile, checkpointFile, doneFile} {
		left, err := leftovers(d.path, name)
		for _, l := range left {
			err = errors.Join(err, os.Remove(filepath.Join(d.path, l)))
		}
		if err != nil {
			return err
		}
	}
	if err := d.forget(s.Checkpoint.Step); err != nil {
		return err
	}
	if previous {
		if err := d.on.rename(filepath.Join(d.path, previousFile),
			filepath.Join(d.path, checkpointFile)); err != nil {
			return err
		}
		if err := d.on.syncFolder(d.path); err != nil {
			return err
		}
	}
	if err := d.join(s.Info, arithmetic); err != nil {
		return err
	}
	if err := d.metrics.cut(length); err != nil {
		return err
	}
	data, err := io.ReadAll(d.timings.file)
	if err != nil {
		return err
	}
	length = 0
	for line := range bytes.Lines(data) {
		var t Timing
		if json.Unmarshal(line, &t) != nil || !bytes.HasSuffix(line, []byte("\n")) ||
			t.Step > s.Checkpoint.Step {
			break // a damaged line is no loss: nothing depends on timings
		}
		length += int64(len(line))
	}
	return d.timings.cut(length)
}
