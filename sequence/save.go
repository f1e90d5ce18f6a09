//go:build !js

package sequence

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"icar/ar"
	"icar/internal/npy"
	"icar/nn/safetensors"
	"icar/run"
)

// Names of the arrays of a law's sequences.
const (
	States = "states" // (N, T+1, d)
	Hidden = "w"      // (N, d, d), the hidden matrix W of each
	Tokens = "tokens" // (N, T, C), what an encoding makes of s_1 … s_T
)

// Arrays are the states of sequences, their hidden matrices where the law has real
// ones, and their tokens unless the encoding is nil. The error is that of [ar.Encode].
func Arrays(s ar.Batch[float64], tokens ar.Encoding) ([]npy.Array, error) {
	all := []npy.Array{{Name: States, Shape: []int{s.N, s.T + 1, s.D}, Data: s.States}}
	if s.Contexts[0].W != nil {
		w := npy.Array{Name: Hidden, Shape: []int{s.N, s.D, s.D}}
		for _, c := range s.Contexts {
			w.Data = append(w.Data, c.W...)
		}
		all = append(all, w)
	}
	if tokens == nil {
		return all, nil
	}
	x, err := s.Inputs(tokens)
	return append(all, npy.Array{Name: Tokens, Shape: []int{s.N, s.T, tokens.Width(s.D)},
		Data: x}), err
}

// endings say which format a file has.
var endings = []string{".npy", ".npz", ".safetensors"}

// CheckEnding returns an error unless the ending of a path names a format.
func CheckEnding(path string) error {
	if !slices.Contains(endings, filepath.Ext(path)) {
		return fmt.Errorf("%s has none of the endings %s: they say in which format it is written",
			path, strings.Join(endings, ", "))
	}
	return nil
}

// File returns the file that holds an array of a [Save] to a path: it, but that a
// .npy file holds a single array. The states go there, any other to NAME-ARRAY.npy.
func File(path, array string) string {
	if ending := filepath.Ext(path); ending == ".npy" && array != States {
		return strings.TrimSuffix(path, ending) + "-" + array + ending
	}
	return path
}

// Save writes arrays in the format that the path's ending names, in float64, each
// file whole or not at all; those that are there are replaced. The error is that of
// CheckEnding or the disk's.
func Save(path string, arrays []npy.Array) error {
	err := CheckEnding(path)
	if err != nil {
		return err
	}
	switch filepath.Ext(path) {
	case ".npz":
		return run.WriteFile(path, func(w io.Writer) error { return npy.WriteArchive(w, arrays) })
	case ".safetensors":
		var f safetensors.File
		for _, a := range arrays {
			f.Tensors = append(f.Tensors, safetensors.FromSlice(a.Name, a.Shape, a.Data))
		}
		return run.WriteFile(path, func(w io.Writer) error { return safetensors.Write(w, f) })
	}
	for _, a := range arrays {
		err = errors.Join(err, run.WriteFile(File(path, a.Name),
			func(w io.Writer) error { return npy.Write(w, a) }))
	}
	return err
}
