package nn

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"icar/nn/safetensors"
)

func newModel[F Float](t testing.TB, c Config, seed uint64) *Transformer[F] {
	t.Helper()
	m, err := New[F](c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestWeightsRoundTrip saves a model and its optimiser and restores both, in
// the other float type too.
func TestWeightsRoundTrip(t *testing.T) {
	c := DefaultConfig()
	c.Position, c.MLP, c.Depth = ProductPosition, 2, 2
	m := newModel[float32](t, c, 1)
	adam, err := NewOptimiser(AdamName, m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Gradient(t.Context(), randomBatch[float32](c, 4, 1)); err != nil {
		t.Fatal(err)
	}
	adam.Step(1, 1e-2)
	var buffer bytes.Buffer
	saved := append(Tensors(m.Parameters()), adam.State()...)
	if err := safetensors.Write(&buffer, safetensors.File{Tensors: Export(saved)}); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Read(bytes.NewReader(buffer.Bytes()), int64(buffer.Len()))
	if err != nil {
		t.Fatal(err)
	}

	other := newModel[float32](t, c, 2)
	fresh, err := NewOptimiser(AdamName, other.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	restored := append(Tensors(other.Parameters()), fresh.State()...)
	if err := Import(restored, file.Tensors); err != nil {
		t.Fatal(err)
	}
	for i := range saved {
		if !slices.Equal(restored[i].Data, saved[i].Data) {
			t.Errorf("%s differs", saved[i].Name)
		}
	}

	wide := newModel[float64](t, c, 2)
	weights := slices.DeleteFunc(file.Tensors,
		func(t safetensors.Tensor) bool { return strings.HasPrefix(t.Name, "adam.") })
	if err := Import(Tensors(wide.Parameters()), weights); err != nil {
		t.Fatal(err)
	}
	for i, p := range wide.Parameters() {
		if gap(m.Parameters()[i].Data, p.Data) != 0 {
			t.Errorf("%s differs in float64", p.Name)
		}
	}
}

// TestImportErrors checks what a wrong file is told, and that it changes
// nothing.
func TestImportErrors(t *testing.T) {
	c := DefaultConfig()
	at := func(file []safetensors.Tensor, name string) *safetensors.Tensor {
		return &file[slices.IndexFunc(file, func(t safetensors.Tensor) bool { return t.Name == name })]
	}
	for name, test := range map[string]struct {
		change func(file []safetensors.Tensor) []safetensors.Tensor
		want   string
	}{
		"misspelt": {func(f []safetensors.Tensor) []safetensors.Tensor {
			at(f, "layers.0.k.weight").Name = "layers.0.key.weight"
			return f
		}, `layers.0.k.weight is missing from the file; is it "layers.0.key.weight"?` + "\n" +
			`"layers.0.key.weight" in the file is no tensor of the model; is it "layers.0.k.weight"?`},
		"missing": {func(f []safetensors.Tensor) []safetensors.Tensor {
			return slices.DeleteFunc(f, func(t safetensors.Tensor) bool { return t.Name == "out.bias" })
		}, "out.bias is missing from the file"},
		"unexpected": {func(f []safetensors.Tensor) []safetensors.Tensor {
			return append(f, safetensors.FromSlice("pos", []int{1}, []float32{0}))
		}, `"pos" in the file is no tensor of the model`},
		"shapes": {func(f []safetensors.Tensor) []safetensors.Tensor {
			*at(f, "layers.0.o.weight") = safetensors.FromSlice("layers.0.o.weight", []int{9},
				make([]float32, 9))
			*at(f, "out.weight") = safetensors.FromSlice("out.weight", []int{4, 3}, make([]float32, 12))
			return f
		}, "layers.0.o.weight has shape [9] in the file and [3 3] in the model: use the " +
			"configuration the file was saved with\n" +
			"out.weight has shape [4 3] in the file and [3 3] in the model: use the configuration the " +
			"file was saved with"},
		"dtype": {func(f []safetensors.Tensor) []safetensors.Tensor {
			*at(f, "out.bias") = safetensors.FromSlice("out.bias", []int{3}, make([]int64, 3))
			return f
		}, `tensor "out.bias" is I64: convert it to F32 or F64`},
		"NaN": {func(f []safetensors.Tensor) []safetensors.Tensor {
			*at(f, "out.bias") = safetensors.FromSlice("out.bias", []int{3}, []float64{0, 1, math.NaN()})
			return f
		}, "out.bias[2] is not finite"},
		"too large for float32": {func(f []safetensors.Tensor) []safetensors.Tensor {
			*at(f, "out.bias") = safetensors.FromSlice("out.bias", []int{3}, []float64{0, 1e39, 0})
			return f
		}, "out.bias[1] is not finite"},
	} {
		file := test.change(Export(Tensors(newModel[float32](t, c, 1).Parameters())))
		m, untouched := newModel[float32](t, c, 2), newModel[float32](t, c, 2)
		err := Import(Tensors(m.Parameters()), file)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:\n%v\nwant\n%s", name, err, test.want)
		}
		var bad NonFiniteError
		if got, want := errors.As(err, &bad), strings.HasSuffix(test.want, "not finite"); got != want {
			t.Errorf("%s: a NonFiniteError: %v", name, got)
		}
		for i, p := range m.Parameters() {
			if !slices.Equal(p.Data, untouched.Parameters()[i].Data) {
				t.Errorf("%s: %s has changed", name, p.Name)
			}
		}
	}
}

// TestImportOfAnotherModel checks that a quite different file gets a short
// answer.
func TestImportOfAnotherModel(t *testing.T) {
	deep := DefaultConfig()
	deep.Depth = 30
	file := Export(Tensors(newModel[float32](t, deep, 1).Parameters()))
	err := Import(Tensors(newModel[float32](t, DefaultConfig(), 1).Parameters()), file)
	if err == nil {
		t.Fatal("30 layers were read as 1")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxComplaints+1 || lines[maxComplaints] != "and 270 more: use the "+
		"configuration the file was saved with" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}
