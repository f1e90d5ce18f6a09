package run

import (
	"fmt"
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
	metaArithmetic = "arithmetic" // see Arithmetic
	metaConfig     = "config"     // SHA-256 of config.yaml in hex
	metaMetrics    = "metrics"    // bytes of metrics.jsonl that belong to the steps made
)

// file lays c out as safetensors.
func (c Checkpoint) file(config string, metrics int64) safetensors.File {
	step := safetensors.FromSlice(stepName, nil, []int64{int64(c.Step)})
	return safetensors.File{
		Tensors: slices.Concat(c.Weights, c.State, []safetensors.Tensor{step}),
		Metadata: map[string]string{
			metaVersion:    strconv.Itoa(formatVersion),
			metaArithmetic: Arithmetic,
			metaConfig:     config,
			metaMetrics:    strconv.FormatInt(metrics, 10),
		},
	}
}

// ReadWeights returns the weights in a safetensors file: all of its tensors
// or, if it is a checkpoint, those that are neither the optimiser's nor the
// count of steps. The error is that of safetensors.ReadFile, or a checkpoint
// of another version.
func ReadWeights(path string) ([]safetensors.Tensor, error) {
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if f.Metadata[metaConfig] == "" {
		return f.Tensors, nil
	}
	if v := f.Metadata[metaVersion]; v != strconv.Itoa(formatVersion) {
		return nil, fmt.Errorf("%s is a checkpoint of version %s, this icar reads version %d: use the icar that wrote it", path, v, formatVersion)
	}
	return slices.DeleteFunc(f.Tensors, func(t safetensors.Tensor) bool {
		return t.Name == stepName || strings.Contains(t.Name, "/")
	}), nil
}
