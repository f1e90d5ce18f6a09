package web

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"icar/internal/budget"
	"icar/nn"
	"icar/nn/safetensors"
	"icar/run"
	"icar/train"
)

// Sizes of what is read of a run, in bytes.
const (
	maxCheckpoint = 64 << 20
	maxIndex      = 1 << 20 // header of a checkpoint
)

// root is a folder that may come into being later, and out of which nothing is
// read.
type root string

func (r root) open() (*os.Root, error) { return os.OpenRoot(string(r)) }

// identity is what a model can be known again by without reading its weights.
type identity struct {
	run      string // below the folder of runs
	settings string // of the run
	size     int64  // of the checkpoint, in bytes
	time     int64  // when it was written, in Unix nanoseconds
	checksum string // that it says it has
}

// identify looks at the last checkpoint of a run.
func (r root) identify(p string, settings []byte) (identity, error) {
	f, name, info, err := r.checkpoint(p)
	if err != nil {
		return identity{}, err
	}
	defer f.Close()
	header, _, err := safetensors.ReadIndex(f, info.Size(), maxIndex)
	if err != nil {
		return identity{}, unreadable(fmt.Errorf("%s: %w", name, err))
	}
	return identity{p, string(settings), info.Size(), info.ModTime().UnixNano(),
		run.Checksum(header)}, nil
}

// checkpoint opens the last checkpoint of a run.
func (r root) checkpoint(p string) (f fs.File, name string, info fs.FileInfo, err error) {
	folder, err := r.open()
	if err != nil {
		return nil, "", nil, err
	}
	defer folder.Close()
	f, name, err = run.OpenCheckpoint(budget.Root(folder), p)
	if errors.Is(err, budget.ErrIrregular) {
		return nil, "", nil, unreadable(err)
	}
	if err != nil {
		return nil, "", nil, refuse(statusNotFound, "%s has no checkpoint yet", p)
	}
	if info, err = f.Stat(); err == nil && info.Size() > maxCheckpoint {
		err = refuse(statusUnusable, "%s is no file of at most %d MiB", name,
			maxCheckpoint>>20)
	}
	if err != nil {
		return nil, "", nil, errors.Join(err, f.Close())
	}
	return f, name, info, nil
}

// loadIn reads the model of a run from its last checkpoint.
func (r root) loadIn(p string, c train.Config) (*nn.Transformer[float32], error) {
	f, name, info, err := r.checkpoint(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := safetensors.Read(f, info.Size())
	if err != nil {
		return nil, unreadable(fmt.Errorf("%s: %w", name, err))
	}
	weights, err := run.Weights(file, name)
	if err != nil {
		return nil, unreadable(err)
	}
	m, err := train.Assemble(c, weights, name)
	if err != nil {
		return nil, unreadable(err)
	}
	return m, nil
}

// unreadable is the refusal of a file that is not what it should be.
func unreadable(err error) error { return refusal{statusUnusable, err} }
