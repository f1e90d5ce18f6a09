package web

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"icar/internal/budget"
	"icar/nn"
	"icar/nn/safetensors"
	"icar/run"
	"icar/train"
)

// maxCheckpoint is the largest checkpoint that is read, in bytes.
const maxCheckpoint = 64 << 20

// root is a folder that may come into being later, and out of which nothing is
// read.
type root string

func (r root) open() (*os.Root, error) { return os.OpenRoot(string(r)) }

// loadIn reads the model of a run from its last checkpoint.
func (r root) loadIn(p string, c train.Config) (*nn.Transformer[float32], error) {
	folder, err := r.open()
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	f, name, err := run.OpenCheckpoint(budget.Root(folder), p)
	if errors.Is(err, budget.ErrIrregular) {
		return nil, unreadable(err)
	}
	if err != nil {
		return nil, refuse(http.StatusNotFound, "%s has no checkpoint yet", p)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxCheckpoint {
		return nil, refuse(http.StatusUnprocessableEntity, "%s is no file of at most %d MiB", name, maxCheckpoint>>20)
	}
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
func unreadable(err error) error { return refusal{http.StatusUnprocessableEntity, err} }
