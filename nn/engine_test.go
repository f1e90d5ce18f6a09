package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"icar/ar"
	"icar/nn/kernel"
)

// unit is the unit roundoff of float32.
const unit = 0x1p-24

// engineConfig is randomConfig with up to six layers and lengths around the
// sizes of panels and chunks.
func engineConfig(r *rand.Rand) Config {
	c := randomConfig(r)
	c.Depth = pick(r, 1, 1, 2, 3, 4, 5, 6)
	c.Length = pick(r, 1, 2, 5, 8, 9, 16, 19)
	return c
}

// twin returns a float64 model with the parameters of m.
func twin(t *testing.T, m *Transformer[float32]) *Transformer[float64] {
	exact := newModel[float64](t, m.Config(), 1)
	for i, p := range m.Parameters() {
		for j, v := range p.Data {
			exact.Parameters()[i].Data[j] = float64(v)
		}
	}
	return exact
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// length2 is the Euclidean length of the difference of x and y.
func distance(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += (v - y[i]) * (v - y[i])
	}
	return math.Sqrt(sum)
}

func TestEngineIsTheReference(t *testing.T) {
	kernels := kernel.Available()
	for i := range 500 {
		r := ar.Rand(7, "engine", uint64(i))
		c := engineConfig(r)
		n := pick(r, 1, 2, 15, 16, 17, 33, 40)
		m := newModel[float32](t, c, uint64(i))
		b := randomBatch[float32](c, n, uint64(i))
		b.T = 1 + r.IntN(c.Length)
		b.X, b.Y = b.X[:n*b.T*c.Width], b.Y[:n*b.T*c.Coords]
		if c.Attention == LinearAttention && !c.Norm && c.Depth > 1 {
			// A layer without norm is cubic in its input and sums T of them.
			for _, p := range m.Parameters() {
				for j := range p.Data {
					p.Data[j] *= 0.4
				}
			}
		}
		exact := twin(t, m)
		wide := Batch[float64]{N: n, T: b.T, X: widen(b.X), Y: widen(b.Y)}
		want, err := exact.Gradient(t.Context(), wide)
		if err != nil {
			t.Fatal(err)
		}
		reference, err := m.Gradient(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		var ref []float64
		for j, p := range m.Parameters() {
			ref = append(ref, distance(widen(p.Grad), exact.Parameters()[j].Grad))
		}
		for _, k := range kernels {
			e := NewEngine(m, k)
			loss, err := e.Gradient(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(loss-want) > 1e-4*want {
				t.Errorf("%d %s %+v N %d T %d: loss %v, want %v, float32 %v", i, k.Name(), c, n, b.T, loss, want, reference)
			}
			for j, p := range m.Parameters() {
				w := exact.Parameters()[j].Grad
				d := distance(widen(p.Grad), w)
				if d > 1e-4*distance(w, make([]float64, len(w))) && d > 20*ref[j] {
					t.Errorf("%d %s %+v N %d T %d: %s off by %.3g of %.3g, reference %.3g", i, k.Name(), c, n, b.T, p.Name, d, distance(w, make([]float64, len(w))), ref[j])
				}
			}
		}
	}
}
