package cuda_test

import (
	"context"
	"math"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/devicetest"
	"icar/nn/cuda/emulator"
)

// TestGradientsAreAsCloseAsTheReferences compares gradients with those of the reference in
// float64. The reference in float32 sums one term after the other, a card over lanes and
// slots, in fewer roundings: its gradient as a whole is to be closer. Of a single
// tensor that is a matter of chance, and a factor of two is not.
func TestGradientsAreAsCloseAsTheReferences(t *testing.T) {
	ctx := context.Background()
	for _, c := range devicetest.Cases()[:5] {
		c.Config.Length = 10
		b := draw(c.Config, 1, 50, 1)[0]
		m := newModel(t, c.Config, 1)
		want := exact(t, m, b)
		backend, err := cuda.On(emulator.New())(m)
		if err != nil {
			t.Fatal(err)
		}
		var errs [2][]float64 // squared, of every tensor
		var sum [2]float64
		for i, by := range []nn.Backend{m, backend} {
			if _, err := by.Gradient(ctx, b); err != nil {
				t.Fatal(err)
			}
			for j, p := range m.Parameters() {
				square := 0.0
				for k, g := range p.Grad {
					square += (float64(g) - want[j].Grad[k]) * (float64(g) - want[j].Grad[k])
				}
				errs[i], sum[i] = append(errs[i], square), sum[i]+square
			}
		}
		if sum[1] > sum[0] {
			t.Errorf("%s: the gradient is off by %.3g, the reference's in float32 by %.3g", c.Name,
				math.Sqrt(sum[1]), math.Sqrt(sum[0]))
		}
		for j, p := range m.Parameters() {
			if errs[1][j] > 4*errs[0][j] {
				t.Errorf("%s: the gradient of %s is off by %.3g, the reference's by %.3g",
					c.Name, p.Name, math.Sqrt(errs[1][j]), math.Sqrt(errs[0][j]))
			}
		}
	}
}

// exact returns the parameters of m in float64, with the gradient on b.
func exact(t *testing.T, m model, b batch) []nn.Parameter[float64] {
	t.Helper()
	wide, err := nn.New[float64](m.Config(), 1)
	if err != nil {
		t.Fatal(err)
	}
	convert := func(to []float64, from []float32) []float64 {
		for i, v := range from {
			to[i] = float64(v)
		}
		return to
	}
	for i, p := range m.Parameters() {
		convert(wide.Parameters()[i].Data, p.Data)
	}
	_, err = wide.Gradient(context.Background(), nn.Batch[float64]{N: b.N, T: b.T,
		X: convert(make([]float64, len(b.X)), b.X), Y: convert(make([]float64, len(b.Y)), b.Y)})
	if err != nil {
		t.Fatal(err)
	}
	return wide.Parameters()
}
