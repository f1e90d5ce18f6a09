package nn

import (
	"context"
	"math"
	"testing"

	"icar/ar"
)

// randomBatch fills a batch of n sequences of the model's length with normal
// numbers.
func randomBatch[F Float](c Config, n int, seed uint64) Batch[F] {
	r := ar.Rand(seed, "batch", 0)
	b := Batch[F]{N: n, T: c.Length, X: make([]F, n*c.Length*c.Width),
		Y: make([]F, n*c.Length*c.Coords)}
	for _, s := range [][]F{b.X, b.Y} {
		for i := range s {
			s[i] = F(r.NormFloat64())
		}
	}
	return b
}

func convert[F Float](x []float64) []F {
	y := make([]F, len(x))
	for i, v := range x {
		y[i] = F(v)
	}
	return y
}

// norm is the largest magnitude in x.
func norm(x []float64) float64 {
	top := 0.0
	for _, v := range x {
		top = max(top, math.Abs(v))
	}
	return top
}

// gap is the largest difference of got and want.
func gap[F Float](got []F, want []float64) float64 {
	top := 0.0
	for i, v := range want {
		top = max(top, math.Abs(float64(got[i])-v))
	}
	return top
}

// BenchmarkStep times one optimiser step, gradient and Adam, on the shapes of
// the paper's experiments at their batch of 1024 sequences.
func BenchmarkStep(b *testing.B) {
	fig5, fig7 := DefaultConfig(), DefaultConfig()
	fig5.Width, fig5.Embed, fig5.Residual, fig5.Length, fig5.Coords = 15, 15, true, 50, 5
	fig7.Width, fig7.Embed, fig7.Heads, fig7.Position, fig7.Length, fig7.Coords = 5, 10, 8,
		ProductPosition, 50, 5
	for _, c := range []struct {
		name   string
		config Config
	}{{"fig5-L1", fig5}, {"fig7-H8", fig7}} {
		b.Run(c.name, func(b *testing.B) {
			m, err := New[float32](c.config, 1)
			if err != nil {
				b.Fatal(err)
			}
			adam, err := NewOptimiser(AdamName, m.Parameters())
			if err != nil {
				b.Fatal(err)
			}
			batch := randomBatch[float32](c.config, 1024, 1)
			t := 0
			b.ReportAllocs()
			for b.Loop() {
				t++
				if _, err := m.Gradient(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
				adam.Step(t, 1e-2)
			}
		})
	}
}
