package nn

import (
	"math"
	"slices"
	"testing"
)

// TestActivations checks names, shapes and what the activations must satisfy
// among themselves: attention and position are causal laws, the output is the
// prediction.
func TestActivations(t *testing.T) {
	c := everything()
	c.Depth = 1
	m := newModel[float64](t, c, 1)
	b := randomBatch[float64](c, 1, 1)
	list, err := m.Activations(b.X)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name  string
		shape []int
	}{
		{"embed", []int{6, 4}}, {"layers.0.q", []int{6, 2, 4}}, {"layers.0.k", []int{6, 2, 4}},
		{"layers.0.v", []int{6, 2, 4}},
		{"layers.0.attention", []int{2, 6, 6}}, {"layers.0.position", []int{2, 6, 6}},
		{"layers.0.z", []int{6, 4}},
		{"layers.0.o", []int{6, 4}}, {"layers.0.norm", []int{6, 4}}, {"layers.0.skip", []int{6, 4}},
		{"layers.0.hidden", []int{6, 8}}, {"layers.0.mlp", []int{6, 4}}, {"out", []int{6, 2}},
	}
	if len(list) != len(want) {
		t.Fatalf("%d activations, want %d", len(list), len(want))
	}
	for i, a := range list {
		size := 1
		for _, s := range a.Shape {
			size *= s
		}
		if a.Name != want[i].name || !slices.Equal(a.Shape, want[i].shape) || len(a.Data) != size {
			t.Errorf("activation %d is %s %v of %d numbers, want %v", i, a.Name, a.Shape, len(a.Data),
				want[i])
		}
	}
	for _, p := range list[4:6] {
		for row := range 2 * 6 {
			sum := 0.0
			for j, v := range p.Data[row*6 : row*6+6] {
				sum += v
				if (v > 0) != (j <= row%6) {
					t.Errorf("%s: row %d looks at token %d with weight %v", p.Name, row%6, j, v)
				}
			}
			if math.Abs(sum-1) > 1e-14 {
				t.Errorf("%s: row %d sums to %v", p.Name, row%6, sum)
			}
		}
	}
	out, err := m.Predict(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(list[12].Data, out) {
		t.Error("the last activation is not the prediction")
	}
	c.Norm, c.Residual, c.MLP, c.Position = false, false, 0, NoPosition
	if list, err = newModel[float64](t, c, 1).Activations(b.X); err != nil || len(list) != 8 {
		t.Errorf("a bare layer has %d activations, %v", len(list), err)
	}
}

// TestPredictionsAreCausal changes a token and checks that only predictions
// from it on change.
func TestPredictionsAreCausal(t *testing.T) {
	for _, attention := range []Attention{LinearAttention, SoftmaxAttention} {
		c := everything()
		c.Attention = attention
		m, b := newModel[float64](t, c, 1), randomBatch[float64](c, 1, 1)
		before, err := m.Predict(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		const changed = 3
		b.X[changed*c.Width]++
		after, err := m.Predict(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		for s := range c.Length {
			same := slices.Equal(before[s*c.Width:(s+1)*c.Width], after[s*c.Width:(s+1)*c.Width])
			if same != (s < changed) {
				t.Errorf("%s: prediction %d stays: %v, after token %d changed", attention, s, same, changed)
			}
		}
	}
}
