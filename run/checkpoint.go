package run

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"icar/nn/safetensors"
)

// Checkpoint is what training goes on from.
type Checkpoint struct {
	Step    int                  // steps made
	Weights []safetensors.Tensor // under the names of package nn
	State   []safetensors.Tensor // of the optimiser, PREFIX/NAME for the parameter NAME
}

// stepName is the tensor, an I64 scalar, that counts the steps.
const stepName = "step"

// The metadata of a checkpoint, all of them text.
const (
	metaVersion    = "version"    // of the directory's layout
	metaArithmetic = "arithmetic" // see Info
	metaConfig     = "config"     // SHA-256 of config.yaml in hex
	metaMetrics    = "metrics"    // bytes of metrics.jsonl that belong to the steps made
	metaChecksum   = "checksum"   // SHA-256, in hex, of the file as it would be without this entry
)

// file lays c out as safetensors.
func (c Checkpoint) file(config, arithmetic string, metrics int64) (safetensors.File, error) {
	step := safetensors.FromSlice(stepName, nil, []int64{int64(c.Step)})
	f := safetensors.File{
		Tensors: slices.Concat(c.Weights, c.State, []safetensors.Tensor{step}),
		Metadata: map[string]string{
			metaVersion:    strconv.Itoa(formatVersion),
			metaArithmetic: arithmetic,
			metaConfig:     config,
			metaMetrics:    strconv.FormatInt(metrics, 10),
		},
	}
	sum, err := checksum(f)
	f.Metadata[metaChecksum] = sum
	return f, err
}

// checksum returns what a file's checksum has to be. It leans on the same
// content always being written as the same bytes.
func checksum(f safetensors.File) (string, error) {
	f.Metadata = maps.Clone(f.Metadata)
	delete(f.Metadata, metaChecksum)
	h := sha256.New()
	err := safetensors.Write(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// ReadWeights returns the weights in a safetensors file: all of its tensors
// or, if it is a checkpoint, those that are neither the optimiser's nor the
// count of steps. The error is that of safetensors.ReadFile, or a checkpoint
// that is damaged or of another version.
func ReadWeights(path string) ([]safetensors.Tensor, error) {
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if f.Metadata[metaConfig] == "" {
		return f.Tensors, nil
	}
	if err := check(f); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return slices.DeleteFunc(f.Tensors, func(t safetensors.Tensor) bool {
		return t.Name == stepName || strings.Contains(t.Name, "/")
	}), nil
}

// check returns an error, to follow the file's name, unless f is a whole
// checkpoint of this version.
func check(f safetensors.File) error {
	if v := f.Metadata[metaVersion]; v != strconv.Itoa(formatVersion) {
		return fmt.Errorf("is a checkpoint of version %s, this icar reads version %d: use the icar that wrote it", v, formatVersion)
	}
	sum, err := checksum(f)
	if err != nil {
		return fmt.Errorf("cannot be checked: %w", err)
	}
	if sum != f.Metadata[metaChecksum] {
		return errors.New("is damaged: its content does not match its checksum; use another checkpoint")
	}
	return nil
}
