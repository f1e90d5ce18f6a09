package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"icar/nn/safetensors"
)

// ConfigFile is the name of the file of settings in a run directory.
const ConfigFile = "config.yaml"

// The other files of a run directory, see the package's documentation.
const (
	infoFile       = "run.json"
	metricsFile    = "metrics.jsonl"
	timingsFile    = "timings.jsonl"
	checkpointFile = "checkpoint.safetensors"
	previousFile   = "checkpoint.previous.safetensors"
	doneFile       = "DONE"
)

// Dir is the directory of a run that is being written, by one goroutine.
type Dir struct {
	on         disk
	path       string
	settings   []byte // config.yaml
	arithmetic string // see Info
	program    string // see Info
	info       Info   // run.json
	metrics    *lines
	timings    *lines
}

// Create makes the directory of a run, and those above it, and writes what is
// known before the first step. If path is there already the error is an
// os.ErrExist and nothing is touched. Until Close no other process can write
// the directory.
func Create(path string, config []byte, info Info) (*Dir, error) {
	return create(system{}, path, config, info)
}

func create(on disk, path string, config []byte, info Info) (*Dir, error) {
	if err := os.MkdirAll(filepath.Dir(path), folderPermission); err != nil {
		return nil, err
	}
	err := os.Mkdir(path, folderPermission) // of two runs at once one fails here
	if errors.Is(err, os.ErrExist) {
		return nil, existing{path}
	}
	if err != nil {
		return nil, err
	}
	d := &Dir{on: on, path: path, settings: config, arithmetic: info.Arithmetic,
		program: info.Program, info: info}
	if d.metrics, err = createLines(on, path, metricsFile); err == nil {
		err = lock(d.metrics.file)
	}
	if err == nil {
		d.timings, err = createLines(on, path, timingsFile)
	}
	if err == nil {
		err = d.writeInfo(info)
	}
	if err == nil { // last: a directory with a configuration can be resumed
		err = d.write(ConfigFile, "", func(w io.Writer) error { _, err := w.Write(config); return err })
	}
	if err == nil {
		err = on.syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, d.Close(), os.RemoveAll(path))
	}
	return d, nil
}

// existing is the error about a directory that is there already.
type existing struct{ path string }

func (e existing) Error() string {
	return e.path + " exists and a run overwrites nothing: remove it, or choose another directory"
}

func (e existing) Unwrap() error { return os.ErrExist }

// hash returns the SHA-256 of data in hex.
func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Name returns a name for the run of a configuration, the first 8 digits of
// its hash.
func Name(config []byte) string { return hash(config)[:8] }

// Path returns the directory.
func (d *Dir) Path() string { return d.path }

// Record appends what a step measured and how long it took.
func (d *Dir) Record(m Metric, t Timing) error {
	return errors.Join(d.metrics.append(m), d.timings.append(t))
}

// Checkpoint writes a checkpoint and keeps the one before it as the previous
// one. The lines of metrics.jsonl up to it are on the disk before it is, so
// that it never counts lines which are lost.
func (d *Dir) Checkpoint(c Checkpoint) error {
	if err := d.on.sync(d.metrics.file); err != nil {
		return err
	}
	f, err := c.file(d)
	if err != nil {
		return err
	}
	return d.write(checkpointFile, previousFile, func(w io.Writer) error {
		return safetensors.Write(w, f)
	})
}

// Done marks the run as complete, after so many steps. The previous
// checkpoint goes: when it was made depends on the clock, and what is left
// depends on the configuration alone.
func (d *Dir) Done(steps int) error {
	if err := ignore(os.ErrNotExist, os.Remove(filepath.Join(d.path, previousFile))); err != nil {
		return err
	}
	return d.write(doneFile, "", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d steps\n", steps)
		return err
	})
}

// Diverged marks the run as over before its end, for a reason that run.json holds
// from now on: nothing goes on with it.
func (d *Dir) Diverged(why string) error {
	info := d.info
	info.Diverged = why
	return d.writeInfo(info)
}

// writeInfo writes run.json.
func (d *Dir) writeInfo(info Info) error {
	d.info = info
	return d.write(infoFile, "", func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(info)
	})
}

// Close closes the files and lets other processes write the directory.
func (d *Dir) Close() error {
	var errs []error
	for _, l := range []*lines{d.metrics, d.timings} {
		if l != nil {
			errs = append(errs, l.file.Close())
		}
	}
	return errors.Join(errs...)
}

// write writes a file of the directory; one that it replaces is kept as
// previous, if that is not "".
func (d *Dir) write(name, previous string, write func(io.Writer) error) error {
	if previous != "" {
		previous = filepath.Join(d.path, previous)
	}
	return writeFile(d.on, filepath.Join(d.path, name), previous, write)
}
