package cuda_test

import (
	"context"
	"math"
	"testing"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// TestGradientsOfManyHeads compares those of models whose heads are pairs with the reference
// in float64, from parameters to parameters, also of sequences shorter than the longest.
func TestGradientsOfManyHeads(t *testing.T) {
	needs.Patience(t, "the emulator takes seconds for these gradients")
	c := nn.Config{Width: 3, Embed: 6, Depth: 1, Heads: 44, Attention: nn.LinearAttention,
		Norm: true, Residual: true, Position: nn.ProductPosition, Length: 6, Coords: 2}
	plain := c
	plain.Norm, plain.Residual, plain.Heads, plain.Coords = false, false, 40, 3
	for _, c := range []nn.Config{c, plain} {
		m := newModel(t, c, 1)
		b := draw(c, 1, 9, 1)[0]
		if c.Norm { // 5 tokens of 6
			b.T, b.X, b.Y = 5, b.X[:9*5*c.Width], b.Y[:9*5*c.Coords]
		}
		want := exact(t, m, b)
		backend, err := cuda.On(emulator.New())(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := backend.Gradient(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for i, p := range m.Parameters() {
			square, off := 0.0, 0.0
			for k, g := range p.Grad {
				square += want[i].Grad[k] * want[i].Grad[k]
				off += (float64(g) - want[i].Grad[k]) * (float64(g) - want[i].Grad[k])
			}
			// Of the keys' bias the gradient is nothing but rounding.
			if !(math.Sqrt(off) <= 1e-5*math.Sqrt(square)+1e-9) {
				t.Errorf("%s is off by %.3g of %.3g", p.Name, math.Sqrt(off), math.Sqrt(square))
			}
		}
	}
}
