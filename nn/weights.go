package nn

import (
	"errors"
	"fmt"
	"slices"

	"icar/internal/suggest"
	"icar/nn/safetensors"
)

// Export returns tensors, say Tensors(m.Parameters()), as those of a
// safetensors file.
func Export[F Float](tensors []Tensor[F]) []safetensors.Tensor {
	out := make([]safetensors.Tensor, len(tensors))
	for i, t := range tensors {
		out[i] = safetensors.FromSlice(t.Name, t.Shape, t.Data)
	}
	return out
}

// maxComplaints bounds the lines of an error about a file of another model.
const maxComplaints = 20

// Import fills tensors with those of a file, F32 or F64, rounded to F. Names
// must be the same on both sides and so must shapes, and every number must be
// finite; else nothing is changed and the error has a line for each tensor
// that is wrong, up to 20. One about an infinity or NaN is a NonFiniteError.
func Import[F Float](tensors []Tensor[F], file []safetensors.Tensor) error {
	byName := make(map[string]safetensors.Tensor, len(file))
	for _, t := range file {
		byName[t.Name] = t
	}
	values := make([][]F, len(tensors))
	var wrong []error
	var missing []string
	for i, t := range tensors {
		saved, ok := byName[t.Name]
		if !ok {
			missing = append(missing, t.Name)
			continue
		}
		delete(byName, t.Name)
		values[i] = make([]F, len(t.Data))
		if err := importTensor(values[i], t, saved); err != nil {
			wrong = append(wrong, err)
		}
	}
	var unexpected []string // what no tensor took, in the file's order
	for _, t := range file {
		if _, ok := byName[t.Name]; ok {
			unexpected = append(unexpected, t.Name)
		}
	}
	total := len(wrong) + len(missing) + len(unexpected)
	for _, name := range missing[:min(len(missing), maxComplaints)] {
		near := nearest(name, unexpected)
		wrong = append(wrong, fmt.Errorf("%s is missing from the file%s", name, near))
	}
	for _, name := range unexpected[:min(len(unexpected), maxComplaints)] {
		near := nearest(name, missing)
		wrong = append(wrong, fmt.Errorf("%q in the file is no tensor of the model%s", name, near))
	}
	if total > maxComplaints {
		wrong = append(wrong[:maxComplaints], fmt.Errorf("and %d more: "+
			"use the configuration the file was saved with", total-maxComplaints))
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	for i, t := range tensors {
		copy(t.Data, values[i])
	}
	return nil
}

// importTensor writes the values of saved to dst if they fit t.
func importTensor[F Float](dst []F, t Tensor[F], saved safetensors.Tensor) error {
	if !slices.Equal(saved.Shape, t.Shape) {
		return fmt.Errorf("%s has shape %v in the file and %v in the model: "+
			"use the configuration the file was saved with", t.Name, saved.Shape, t.Shape)
	}
	if err := safetensors.Floats(dst, saved); err != nil {
		return err
	}
	if i := nonFinite(dst); i >= 0 {
		return NonFiniteError{t.Name, i}
	}
	return nil
}

// nearest asks whether one of the names was meant.
func nearest(name string, names []string) string {
	near := suggest.Nearest(name, names)
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf("; is it %q?", near[0])
}
