package theory

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"icar/ar"
)

// powers returns the tokens s_{t,j} = λ_j^{t-1}, t = 1 … length (T, d).
func powers(eigenvalues []complex128, length int) []complex128 {
	d := len(eigenvalues)
	s := make([]complex128, length*d)
	for j, λ := range eigenvalues {
		x := complex128(1)
		for t := range length {
			s[t*d+j] = x
			x *= λ
		}
	}
	return s
}

// drawSequences draws count sequences of the family at μ = 1.
func drawSequences(rng *rand.Rand, family ar.Family, d, length, count int) [][]complex128 {
	batch := make([][]complex128, count)
	for n := range batch {
		λ := make([]complex128, d)
		for j := range λ {
			if family == ar.Rotation && j%2 == 1 {
				λ[j] = cmplx.Conj(λ[j-1])
			} else {
				λ[j] = cmplx.Rect(1, 2*math.Pi*rng.Float64())
			}
		}
		batch[n] = powers(λ, length)
	}
	return batch
}

// literalLoss is the loss of one sequence by Predict, O(T²).
func literalLoss(m LinearAttention, s []complex128, d int) float64 {
	loss := 0.0
	for t := 2; t < len(s)/d; t++ {
		for i, x := range m.Predict(s[:t*d]) {
			loss += squared(x - token(s, d, t+1)[i])
		}
	}
	return loss
}

// laurentLoss expands the definition of the dense model at one T.
func laurentLoss(family ar.Family, m *Dense, length int) float64 {
	d, loss := m.D, 0.0
	for i := range d {
		p := NewLaurent(family, d)
		p.Add(-1, Power{i, length})
		for t := 1; t <= length; t++ {
			for abc := range 8 {
				a, b, c := abc&1, abc>>1&1, abc>>2
				if t-a < 1 || t-b < 1 { // s_0 = 0
					continue
				}
				for j := range d {
					for l := range d {
						for k := range d {
							weight := m.V[a][i*d+k] * m.M[2*c+b][j*d+l]
							p.Add(weight, Power{k, t - a - 1}, Power{j, -(t - b - 1)},
								Power{l, length - c - 1})
						}
					}
				}
			}
		}
		loss += p.MeanSquare()
	}
	return loss
}

// scalarAsDense returns the dense weights m_k I and v_a I.
func scalarAsDense(m *BlockScalar) *Dense {
	out := newDense(m.D)
	for i := range m.D {
		for k, x := range m.M {
			out.M[k][i*m.D+i] = complex(x, 0)
		}
		for a, x := range m.V {
			out.V[a][i*m.D+i] = complex(x, 0)
		}
	}
	return out
}

// laurentHeadsLoss expands the definition of the heads at one T.
func laurentHeadsLoss(family ar.Family, m *DiagonalHeads, length int) float64 {
	loss := 0.0
	for i := range m.D {
		p := NewLaurent(family, m.D)
		p.Add(-1, Power{i, length})
		for t := 2; t <= length; t++ {
			for h := range m.H {
				for j := range m.D {
					weight := m.B[h*m.D+i] * m.A[h*m.D+j]
					p.Add(complex(weight, 0), Power{i, t - 1}, Power{j, -(t - 2)},
						Power{j, length - 1})
				}
			}
		}
		loss += p.MeanSquare()
	}
	return loss
}

// far tells whether got misses want by more than the tolerance, relative to
// want where that is above 1. A number that is not one is far.
func far(got, want, tolerance float64) bool {
	return !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want)))
}

func TestBlockScalarPopulationIsLaurent(t *testing.T) {
	worst := 0.0
	for _, family := range []ar.Family{ar.Unitary, ar.Rotation} {
		for _, d := range []int{1, 2, 3, 4, 6} {
			if family.Check(d) != nil {
				continue
			}
			for length := 2; length <= 7; length++ {
				m := &BlockScalar{D: d}
				Initialise(m, ar.Rand(1, "block", uint64(10*d+length)), 0.7)
				q, err := NewBlockScalarPopulation(family, d, length, length)
				if err != nil {
					t.Fatal(err)
				}
				got, want := q.Loss(m, make([]float64, 6)), laurentLoss(family, scalarAsDense(m),
					length)
				worst = max(worst, math.Abs(got-want)/want)
				if far(got, want, 1e-12) {
					t.Errorf("%s d=%d T=%d: %.15g, Laurent %.15g", family, d, length, got, want)
				}
			}
		}
	}
	t.Logf("worst relative error %.1e", worst)
}

func TestHeadsPopulationIsLaurent(t *testing.T) {
	for _, family := range []ar.Family{ar.Unitary, ar.Rotation} {
		for _, size := range [][3]int{{1, 2, 2}, {1, 4, 3}, {2, 4, 6}, {5, 4, 5}, {3, 6, 4}} {
			m, err := NewDiagonalHeads(size[0], size[1])
			if err != nil {
				t.Fatal(err)
			}
			Initialise(m, ar.Rand(1, "heads", uint64(size[2])), 0.7)
			got := m.PopulationLoss(size[2], size[2], make([]float64, len(m.Parameters())))
			want := laurentHeadsLoss(family, m, size[2])
			if far(got, want, 1e-12) {
				t.Errorf("%s (H,d,T)=%v: %.15g, Laurent %.15g", family, size, got, want)
			}
		}
	}
}

func TestDensePopulationIsLaurent(t *testing.T) {
	for _, family := range []ar.Family{ar.Unitary, ar.Rotation} {
		for _, size := range [][2]int{{2, 2}, {2, 5}, {3, 4}, {4, 3}} {
			d, length := size[0], size[1]
			if family.Check(d) != nil {
				continue
			}
			m := newDense(d)
			Initialise(m, ar.Rand(1, "dense", uint64(10*d+length)), 0.7)
			p, err := NewDensePopulation(family, d, length, length)
			if err != nil {
				t.Fatal(err)
			}
			got, want := p.Loss(m, make([]float64, 12*d*d)), laurentLoss(family, m, length)
			if far(got, want, 1e-12) {
				t.Errorf("%s d=%d T=%d: %.15g, Laurent %.15g", family, d, length, got, want)
			}
		}
	}
}

// checkGradient compares a gradient with central differences. Their error is
// of order step² from the third derivative and ε/step from rounding.
func checkGradient(t rapid.TB, m LinearAttention, loss func(gradient []float64) float64) {
	t.Helper()
	const step = 1e-5
	x := m.Parameters()
	gradient, scratch := make([]float64, len(x)), make([]float64, len(x))
	value := loss(gradient)
	for i, keep := range x {
		x[i] = keep + step
		m.SetParameters(x)
		up := loss(scratch)
		x[i] = keep - step
		m.SetParameters(x)
		down := loss(scratch)
		x[i] = keep
		m.SetParameters(x)
		if want := (up - down) / (2 * step); far(gradient[i], want, 1e-7*(1+math.Abs(value))) {
			t.Fatalf("parameter %d of %d: gradient %.12g, difference %.12g", i, len(x), gradient[i],
				want)
		}
	}
}

// drawModel draws one of the three models with weights of order one.
func drawModel(t *rapid.T, d int) LinearAttention {
	var m LinearAttention
	switch rapid.SampledFrom([]string{"block-scalar", "heads", "dense"}).Draw(t, "model") {
	case "block-scalar":
		m = &BlockScalar{D: d}
	case "heads":
		h := rapid.IntRange(1, 5).Draw(t, "H")
		m = &DiagonalHeads{H: h, D: d, A: make([]float64, h*d), B: make([]float64, h*d)}
	case "dense":
		m = newDense(d)
	}
	Initialise(m, ar.Rand(rapid.Uint64().Draw(t, "seed"), "model", 0), 0.5)
	return m
}

func drawBatch(t *rapid.T, d int) [][]complex128 {
	families := []ar.Family{ar.Unitary}
	if d%2 == 0 {
		families = append(families, ar.Rotation)
	}
	family := rapid.SampledFrom(families).Draw(t, "family")
	rng := ar.Rand(rapid.Uint64().Draw(t, "batch seed"), "batch", 0)
	return drawSequences(rng, family, d, rapid.IntRange(3, 9).Draw(t, "tokens"),
		rapid.IntRange(1, 3).Draw(t, "B"))
}

func TestSampledLossIsLiteral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 5).Draw(t, "D")
		m, batch := drawModel(t, d), drawBatch(t, d)
		want := 0.0
		for _, s := range batch {
			want += literalLoss(m, s, d) / float64(len(batch))
		}
		if got := m.SampledLoss(batch, make([]float64, len(m.Parameters()))); far(got, want,
			1e-11) {
			t.Fatalf("prefix sums %.15g, literal %.15g", got, want)
		}
	})
}

func TestSampledGradientIsDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 3).Draw(t, "D")
		m, batch := drawModel(t, d), drawBatch(t, d)
		checkGradient(t, m, func(g []float64) float64 { return m.SampledLoss(batch, g) })
	})
}

func TestPopulationGradientIsDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		family := rapid.SampledFrom([]ar.Family{ar.Unitary, ar.Rotation}).Draw(t, "family")
		d := rapid.IntRange(1, 3).Draw(t, "D")
		if family == ar.Rotation {
			d = 2
		}
		last := rapid.IntRange(2, 6).Draw(t, "Tmax")
		var loss func(g []float64) float64
		model := drawModel(t, d)
		switch m := model.(type) {
		case *BlockScalar:
			q, err := NewBlockScalarPopulation(family, d, 2, last)
			if err != nil {
				t.Fatal(err)
			}
			loss = func(g []float64) float64 { return q.Loss(m, g) }
		case *DiagonalHeads:
			loss = func(g []float64) float64 { return m.PopulationLoss(2, last, g) }
		case *Dense:
			p, err := NewDensePopulation(family, d, 2, last)
			if err != nil {
				t.Fatal(err)
			}
			loss = func(g []float64) float64 { return p.Loss(m, g) }
		}
		checkGradient(t, model, loss)
	})
}

func TestInContextMapIsThePrediction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 5).Draw(t, "D")
		m, batch := drawModel(t, d), drawBatch(t, d)
		for _, s := range batch {
			length := len(s) / d
			current, previous := m.InContextMap(s)
			got := make([]complex128, d)
			addProduct(got, current, token(s, d, length))
			addProduct(got, previous, token(s, d, length-1))
			for i, want := range m.Predict(s) {
				if far(real(got[i]), real(want), 1e-11) || far(imag(got[i]), imag(want), 1e-11) {
					t.Fatalf("coordinate %d: Γ gives %v, the model %v", i, got[i], want)
				}
			}
		}
	})
}

func TestPopulationLossesRefuseWhatTheyCannotCompute(t *testing.T) {
	for _, c := range []struct {
		family         ar.Family
		d, first, last int
	}{
		{ar.Haar, 4, 2, 5}, {ar.Rotation, 3, 2, 5}, {ar.Unitary, 0, 2, 5}, {ar.Unitary, 2, 1, 5},
		{ar.Unitary, 2, 4, 3},
	} {
		if _, err := NewBlockScalarPopulation(c.family, c.d, c.first, c.last); err == nil {
			t.Errorf("block-scalar: no error for %v", c)
		}
		if _, err := NewDensePopulation(c.family, c.d, c.first, c.last); err == nil {
			t.Errorf("dense: no error for %v", c)
		}
	}
	if _, err := AugmentedHeadsOptimum(3, 2, 1); err == nil {
		t.Error("heads: no error for Tmax = 1")
	}
	if _, err := NewDiagonalHeads(0, 3); err == nil {
		t.Error("heads: no error for H = 0")
	}
}
