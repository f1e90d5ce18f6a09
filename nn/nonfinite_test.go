package nn

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// TestNonFiniteIsNamed puts a NaN or a number too large for float32 in one
// place and checks which tensor is blamed.
func TestNonFiniteIsNamed(t *testing.T) {
	nan := float32(math.NaN())
	parameter := func(m *Transformer[float32], name string) []float32 {
		for _, p := range m.Parameters() {
			if p.Name == name {
				return p.Data
			}
		}
		t.Fatalf("no parameter %s", name)
		return nil
	}
	const sequence = 21 // in the second block, where the fault is
	c := everything()
	for _, test := range []struct {
		spoil func(m *Transformer[float32], b Batch[float32])
		want  NonFiniteError
	}{
		{func(m *Transformer[float32], _ Batch[float32]) { parameter(m, "layers.1.up.bias")[3] = nan },
			NonFiniteError{"layers.1.up.bias", 3}},
		{func(m *Transformer[float32], _ Batch[float32]) {
			parameter(m, "pos")[5] = float32(math.Inf(1))
		}, NonFiniteError{"pos", 5}},
		{func(_ *Transformer[float32], b Batch[float32]) { b.x(sequence)[4] = nan },
			NonFiniteError{"x", 4}},
		{func(_ *Transformer[float32], b Batch[float32]) { b.y(sequence)[7] = nan },
			NonFiniteError{"y", 7}},
		{func(m *Transformer[float32], _ Batch[float32]) {
			large(parameter(m, "layers.0.v.weight"), 3e38)
		}, NonFiniteError{"layers.0.v", -1}},
		{func(m *Transformer[float32], _ Batch[float32]) { large(parameter(m, "pos"), 1e25) },
			NonFiniteError{"layers.0.position", -1}},
		{func(m *Transformer[float32], _ Batch[float32]) {
			large(parameter(m, "layers.1.norm.weight"), 3e38)
		}, NonFiniteError{"layers.1.norm", -1}},
		{func(m *Transformer[float32], _ Batch[float32]) { large(parameter(m, "out.weight"), 3e38) },
			NonFiniteError{"out", -1}},
	} {
		m, b := newModel[float32](t, c, 1), randomBatch[float32](c, 40, 1)
		test.spoil(m, b)
		check := func(method string, err error) {
			var bad NonFiniteError
			if !errors.As(err, &bad) || bad.Tensor != test.want.Tensor || test.want.Index >= 0 &&
				bad.Index != test.want.Index {
				t.Errorf("%s: %v, want %v", method, err, test.want)
			}
		}
		_, err := m.Loss(t.Context(), b)
		check("Loss", err)
		_, err = m.Gradient(t.Context(), b)
		check("Gradient", err)
		if test.want.Tensor == "y" {
			continue
		}
		_, err = m.Predict(t.Context(), b)
		check("Predict", err)
		_, err = m.Pullback(t.Context(), b, b.Y, AllPaths)
		check("Pullback", err)
	}
}

// TestNonFiniteWithoutTarget puts the NaN where no target sees it.
func TestNonFiniteWithoutTarget(t *testing.T) {
	c := everything()
	c.Coords = 1
	m, b := newModel[float32](t, c, 1), randomBatch[float32](c, 20, 1)
	weight := m.Parameters()[len(m.Parameters())-2]
	weight.Data[5] = float32(math.NaN()) // in the row of coordinate 1
	if _, err := m.Gradient(t.Context(), b); err != (NonFiniteError{"out.weight", 5}) {
		t.Errorf("%v, want out.weight", err)
	}
}

func large(x []float32, value float32) {
	for i := range x {
		x[i] = value
	}
}

// TestNonFiniteSums checks what is said when every activation is finite.
func TestNonFiniteSums(t *testing.T) {
	c := DefaultConfig()
	wide, b := newModel[float64](t, c, 1), randomBatch[float64](c, 20, 1)
	b.y(18)[2] = 1e200 // its square overflows
	_, err := wide.Gradient(t.Context(), b)
	if want := (NonFiniteError{"loss", 18}); err != want {
		t.Errorf("%v, want %v", err, want)
	}
	narrow, few := newModel[float32](t, c, 1), randomBatch[float32](c, 1, 1)
	few.T, few.X, few.Y = 1, few.X[:3], []float32{3e38, 3e38, 3e38}
	_, err = narrow.Gradient(t.Context(), few) // the loss is a float64 and does not
	var bad NonFiniteError
	if !errors.As(err, &bad) || !strings.HasPrefix(bad.Tensor, "gradient of ") {
		t.Errorf("%v, want a gradient", err)
	}
	few.X[0] = 1
	if _, err = narrow.Pullback(t.Context(), few, []float32{0, float32(math.NaN()), 0},
		AllPaths); err != (NonFiniteError{"gradient of x", 0}) {
		t.Errorf("%v, want the gradient of x", err)
	}
}
