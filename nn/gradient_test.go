package nn

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"icar/ar"
)

// pick returns one of the values.
func pick[E any](r *rand.Rand, values ...E) E { return values[r.IntN(len(values))] }

// randomConfig draws a small Transformer with every switch either way.
func randomConfig(r *rand.Rand) Config {
	width := 1 + r.IntN(3)
	return Config{
		Width: width, Embed: width * (1 + r.IntN(2)), Depth: 1 + r.IntN(3), Heads: 1 + r.IntN(3),
		Attention: pick(r, LinearAttention, SoftmaxAttention),
		Norm:      pick(r, true, false), Residual: pick(r, true, false), MLP: r.IntN(3),
		Position: pick(r, NoPosition, AdditivePosition, ProductPosition),
		Length:   1 + r.IntN(5), Coords: 1 + r.IntN(width),
	}
}

// anyConfig is randomConfig with any mixer, the norm on either side of it, and
// norms before the MLP and the readout.
func anyConfig(r *rand.Rand) Config {
	c := randomConfig(r)
	c.PreNorm, c.FinalNorm = c.Norm && pick(r, true, false), pick(r, true, false)
	if c.MLP > 0 {
		c.MLPNorm, c.Activation = pick(r, true, false), pick(r, "", GELU)
	}
	if c.Embed%c.Heads == 0 && c.Position != ProductPosition {
		c.Mixer = pick(r, "", "multihead")
	}
	return c
}

// direction is a random vector of length 1.
func direction(r *rand.Rand, n int) []float64 {
	u := make([]float64, n)
	for i := range u {
		u[i] = r.NormFloat64()
	}
	length := math.Sqrt(dot(u, u))
	for i := range u {
		u[i] /= length
	}
	return u
}

// slope is the derivative of f along u at x by central differences of order 4:
// (8(f₁ - f₋₁) - (f₂ - f₋₂))/12h, f_k = f(x + khu). x is put back bit by bit.
func slope(x, u []float64, h float64, f func() float64) float64 {
	saved := append([]float64(nil), x...)
	at := func(k float64) float64 {
		for i := range x {
			x[i] = saved[i] + k*h*u[i]
		}
		return f()
	}
	d := (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
	copy(x, saved)
	return d
}

// TestGradientsAreFiniteDifferences compares the derivative of the loss along
// a random direction of every parameter and of the tokens with finite
// differences, over random models and batches. The error is relative to the
// length of the gradient in that tensor, or to 1/1000 of the loss where that
// is smaller. A relu may bend between the points of the differences, so shorter
// steps are tried when the first disagrees; a wrong gradient agrees at none.
func TestGradientsAreFiniteDifferences(t *testing.T) {
	const configs = 500
	// At the shortest step an ulp of the loss is 1e-16/(1e-6·1e-3) = 1e-7 of
	// the scale below.
	const tolerance = 1e-6
	ctx := context.Background()
	worst, compared := 0.0, 0
	for i := range configs {
		r := ar.Rand(1, "configs", uint64(i))
		c := anyConfig(r)
		n := pick(r, 1, 2, 3, 5, 17)
		m, err := New[float64](c, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Parameters() { // away from γ = 1, β = 0
			axpy(p.Data, 0.3, direction(r, len(p.Data)))
		}
		b := randomBatch[float64](c, n, uint64(i))
		b.T = 1 + r.IntN(c.Length)
		b.X, b.Y = b.X[:n*b.T*c.Width], b.Y[:n*b.T*c.Coords]
		loss := func() float64 {
			l, err := m.Loss(ctx, b)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		value, err := m.Gradient(ctx, b)
		if err != nil {
			t.Fatal(err)
		}
		if again := loss(); again != value {
			t.Fatalf("%+v: Loss returns %v, Gradient %v", c, again, value)
		}
		check := func(name string, x, grad []float64) {
			u := direction(r, len(x))
			scale := max(math.Sqrt(dot(grad, grad)), 1e-3*value)
			e := math.Inf(1)
			for _, h := range []float64{1e-4, 1e-5, 1e-6} {
				if e = min(e, math.Abs(dot(grad, u)-slope(x, u, h,
					loss))/scale); e < tolerance/100 {
					break
				}
			}
			compared++
			worst = max(worst, e)
			if !(e < tolerance) {
				t.Errorf("model %d, %+v, N = %d, T = %d: gradient of %s is off by %.1e", i, c, n,
					b.T, name, e)
			}
		}
		for _, p := range m.Parameters() {
			check(p.Name, p.Data, p.Grad)
		}
		out, err := m.Predict(ctx, b)
		if err != nil {
			t.Fatal(err)
		}
		dout := make([]float64, len(out))
		squaredErrorBackward(dout, out, b.Y, c.Width, c.Coords, 1/float64(len(b.Y)))
		dx, err := m.Pullback(ctx, b, dout, AllPaths)
		if err != nil {
			t.Fatal(err)
		}
		check("x", b.X, dx)
	}
	t.Logf("%d derivatives of %d models, worst error %.1e", compared, configs, worst)
}
