package nn

import (
	"math"
	"testing"

	"icar/ar"
)

// TestQueryPathIsTheInContextMap checks, for one linear layer without norm,
// skip connection and biases, that the Jacobian of a prediction along the
// query path is the map Γ of the context: applied to the last token it gives
// the prediction, and it is blind to the other tokens.
func TestQueryPathIsTheInContextMap(t *testing.T) {
	for _, position := range []Position{NoPosition, ProductPosition} {
		c := Config{Width: 3, Embed: 6, Depth: 1, Heads: 4, Attention: LinearAttention,
			Position: position, Length: 5, Coords: 3}
		m := newModel[float64](t, c, 1)
		for _, p := range m.Parameters() {
			if len(p.Shape) == 1 {
				clear(p.Data)
			}
		}
		b := randomBatch[float64](c, 18, 1)
		out, err := m.Predict(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		last := (c.Length - 1) * c.Width
		for i := range c.Width {
			pick := make([]float64, len(out))
			for n := range b.N {
				pick[n*c.Length*c.Width+last+i] = 1
			}
			gamma, err := m.Pullback(t.Context(), b, pick, QueryPath)
			if err != nil {
				t.Fatal(err)
			}
			for n := range b.N {
				row := gamma[n*c.Length*c.Width:][:c.Length*c.Width]
				got, want := dot(row[last:], b.x(n)[last:]), out[n*c.Length*c.Width+last+i]
				if !(math.Abs(got-want) < 1e-13*(1+math.Abs(want))) {
					t.Errorf("%s, sequence %d: Γ s = %v, the prediction is %v", position, n, got,
						want)
				}
				if norm(row[:last]) != 0 {
					t.Errorf("%s, sequence %d: other tokens act through queries of the last",
						position, n)
				}
			}
		}
	}
}

// TestQueryPathIsFiniteDifferences compares the gradient along the query path
// with finite differences of models whose keys and values are held fixed.
func TestQueryPathIsFiniteDifferences(t *testing.T) {
	worst, differ := 0.0, 0
	const models = 100
	for i := range models {
		r := ar.Rand(2, "configs", uint64(i))
		c := anyConfig(r)
		if c.Activation != GELU { // no kinks; the MLP has one path anyway
			c.MLP, c.MLPNorm = 0, false
		}
		m := newModel[float64](t, c, uint64(i))
		b := randomBatch[float64](c, 1, uint64(i))
		dout := direction(r, len(b.X))
		dx, err := m.Pullback(t.Context(), b, dout, QueryPath)
		if err != nil {
			t.Fatal(err)
		}
		all, err := m.Pullback(t.Context(), b, dout, AllPaths)
		if err != nil {
			t.Fatal(err)
		}
		if gap(all, dx) > 1e-6*norm(all) {
			differ++
		}
		w := m.workers[0]
		m.forward(w, b.X, AllPaths)
		f := func() float64 {
			m.forward(w, b.X, QueryPath)
			return dot(dout, w.output)
		}
		u := direction(r, len(b.X))
		e := math.Inf(1)
		for _, h := range []float64{1e-3, 1e-4,
			1e-5} { // a layer norm of nearly equal numbers bends fast
			e = min(e, math.Abs(dot(dx, u)-slope(b.X, u, h, f))/max(norm(dx), 1e-3))
		}
		worst = max(worst, e)
		if !(e < 1e-6) {
			t.Errorf("%+v: off by %.1e", c, e)
		}
	}
	if differ < models/2 {
		t.Errorf("the query path is all paths in %d of %d models", models-differ, models)
	}
	t.Logf("%d models, worst error %.1e", models, worst)
}
