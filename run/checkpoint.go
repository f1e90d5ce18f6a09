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
	metaProgram    = "program"    // see Info
	metaConfig     = "config"     // SHA-256 of config.yaml in hex
	metaSettings   = "settings"   // config.yaml itself: a checkpoint says what it is of
	metaMetrics    = "metrics"    // bytes of metrics.jsonl that belong to the steps made
	// SHA-256 of these bytes in hex; not in checkpoints of older programs
	metaRecorded = "recorded"
	metaChecksum = "checksum" // SHA-256, in hex, of the file as it would be without this entry
)

// file lays c out as safetensors, as a checkpoint of d.
func (c Checkpoint) file(d *Dir) (safetensors.File, error) {
	step := safetensors.FromSlice(stepName, nil, []int64{int64(c.Step)})
	f := safetensors.File{
		Tensors: slices.Concat(c.Weights, c.State, []safetensors.Tensor{step}),
		Metadata: map[string]string{
			metaVersion:    strconv.Itoa(formatVersion),
			metaArithmetic: d.arithmetic,
			metaProgram:    d.program,
			metaConfig:     hash(d.settings),
			metaSettings:   string(d.settings),
			metaMetrics:    strconv.FormatInt(d.metrics.length, 10),
			metaRecorded:   d.metrics.sum(),
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

// extent is the beginning of metrics.jsonl that belongs to a checkpoint.
type extent struct {
	bytes int64
	sum   string // SHA-256 in hex, "" if it is not on record
}

// parse returns the checkpoint in f, which has to be one of the configuration
// with that hash, and the metrics that belong to it. Other configurations and
// versions are a foreign.
func parse(f safetensors.File, config string) (c Checkpoint, metrics extent, err error) {
	if err := check(f); err != nil {
		return c, metrics, err
	}
	if f.Metadata[metaConfig] != config {
		return c, metrics, foreign{fmt.Sprintf("is of another configuration than %s: put back the "+
			"file that belongs to it", ConfigFile)}
	}
	metrics.sum = f.Metadata[metaRecorded]
	if metrics.bytes, err = strconv.ParseInt(f.Metadata[metaMetrics], 10, 64); err != nil {
		return c, metrics, err
	}
	step := make([]int64, 1)
	for _, t := range f.Tensors {
		switch {
		case t.Name == stepName:
			if err := safetensors.Integers(step, t); err != nil {
				return c, metrics, err
			}
		case ofOptimiser(t):
			c.State = append(c.State, t)
		default:
			c.Weights = append(c.Weights, t)
		}
	}
	c.Step = int(step[0])
	return c, metrics, nil
}

// foreign is the error about a checkpoint that is whole, and not of this run
// or of this program.
type foreign struct{ message string }

func (f foreign) Error() string { return f.message }

// ofOptimiser reports whether a tensor of a checkpoint is no weight.
func ofOptimiser(t safetensors.Tensor) bool { return strings.Contains(t.Name, "/") }

// ReadWeights returns the weights in a safetensors file: all of its tensors
// or, if it is a checkpoint, those that are neither the optimiser's nor the
// count of steps. The error is that of safetensors.ReadFile, or a checkpoint
// that is damaged or of another version.
func ReadWeights(path string) ([]safetensors.Tensor, error) {
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Weights(f, path)
}

// Weights is ReadWeights of a file that was read already; path is its name.
func Weights(f safetensors.File, path string) ([]safetensors.Tensor, error) {
	if f.Metadata[metaConfig] == "" {
		return f.Tensors, nil
	}
	if err := check(f); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return slices.DeleteFunc(f.Tensors, func(t safetensors.Tensor) bool {
		return t.Name == stepName || ofOptimiser(t)
	}), nil
}

// Checksum returns the checksum that a checkpoint says it has, of which the
// header alone has to be read; "" if f is none.
func Checksum(f safetensors.File) string { return f.Metadata[metaChecksum] }

// Settings returns the config.yaml that is in a checkpoint, nil if f is none or
// is of an icar that did not write it there.
func Settings(f safetensors.File) []byte {
	if s := f.Metadata[metaSettings]; s != "" && hash([]byte(s)) == f.Metadata[metaConfig] {
		return []byte(s)
	}
	return nil
}

// check returns an error, to follow the file's name, unless f is a whole
// checkpoint of this version; a foreign for another version. The checksum is
// the same in every version, so that a flipped bit is not taken for one.
func check(f safetensors.File) error {
	sum, err := checksum(f)
	if err != nil {
		return fmt.Errorf("cannot be checked: %w", err)
	}
	if sum != f.Metadata[metaChecksum] {
		return errors.New("is damaged: its content does not match its checksum; use another checkpoint")
	}
	if v := f.Metadata[metaVersion]; v != strconv.Itoa(formatVersion) {
		return foreign{fmt.Sprintf("is a checkpoint of version %s, this icar reads version %d: use "+
			"the icar that wrote it", v, formatVersion)}
	}
	return nil
}
