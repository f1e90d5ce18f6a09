package run

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"icar/nn/safetensors"
)

// Extend is [Open] of a run that is to become longer than it was begun, which may be
// done: config is its config.yaml from now on, with more epochs and nothing else that
// is other; nil for the one that it has, as Open. Checkpoints say of which
// configuration they are, so the last one is written anew. Whenever the process or the
// machine stops meanwhile, the run is found as it was, though no longer marked as done,
// or extended.
func Extend(path, arithmetic string, mixed bool, config []byte) (*Dir, Saved, error) {
	return open(system{}, path, arithmetic, mixed, config)
}

// extend makes config the configuration of a run that was opened at its last
// checkpoint. The one of before stays as the previous one until config.yaml is
// replaced, see halfExtended.
func (d *Dir) extend(s *Saved, config []byte) error {
	done := filepath.Join(d.path, doneFile)
	if err := ignore(fs.ErrNotExist, os.Remove(done)); err != nil {
		return err
	}
	if err := d.on.syncFolder(d.path); err != nil {
		return err
	}
	d.settings, s.Config, s.Done = config, config, false
	if s.Checkpoint.Weights != nil {
		if err := d.Checkpoint(s.Checkpoint); err != nil {
			return err
		}
	}
	return d.write(ConfigFile, "", func(w io.Writer) error {
		_, err := w.Write(config)
		return err
	})
}

// halfExtended reports whether the run was stopped while it was extended, after the
// last checkpoint was written for a longer configuration and before that was: the
// previous checkpoint is then the same one for the configuration that is there.
func (d *Dir) halfExtended() bool {
	last, err := safetensors.ReadFile(filepath.Join(d.path, checkpointFile))
	previous, err2 := safetensors.ReadFile(filepath.Join(d.path, previousFile))
	if errors.Join(err, err2, check(last), check(previous)) != nil {
		return false
	}
	return previous.Metadata[metaConfig] == hash(d.settings) &&
		last.Metadata[metaRecorded] != "" &&
		last.Metadata[metaRecorded] == previous.Metadata[metaRecorded]
}
