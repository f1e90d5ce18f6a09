package theory

import (
	"context"
	"errors"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"icar/ar"
)

// H heads, d token dimension, T context length, T = 2..Tmax.

var plainFamilies = []ar.Family{ar.Unitary, ar.Rotation}

// drawDiagonal draws a family and a model with Gaussian weights.
func drawDiagonal(t *rapid.T, maxH, maxD, maxT int) (ar.Family, *Diagonal) {
	f := rapid.SampledFrom(plainFamilies).Draw(t, "family")
	d := rapid.IntRange(1, maxD).Draw(t, "d")
	if f == ar.Rotation {
		d += d % 2
	}
	m, err := NewDiagonal(rapid.IntRange(1, maxH).Draw(t, "H"), d,
		rapid.IntRange(2, maxT).Draw(t, "Tmax"))
	if err != nil {
		t.Fatal(err)
	}
	m.Init(ar.Rand(rapid.Uint64().Draw(t, "seed"), "weights", 0), 0.7)
	return f, m
}

// errorPolynomial is prediction_i - λ_i^T from the definition of the model
// over heads, without C and without any formula for the loss.
func errorPolynomial(f ar.Family, m *Diagonal, i, T int) *Laurent {
	e := NewLaurent(f, m.D)
	for h := range m.H {
		for t := 1; t <= T; t++ {
			p := m.P[(T-2)*m.Tmax+t-1]
			for j := range m.D {
				e.Add(complex(p*m.B[h*m.D+i]*m.A[h*m.D+j], 0), Power{i, t - 1}, Power{j, t - 1},
					Power{j, -(T - 2)})
			}
		}
	}
	e.Add(-1, Power{i, T})
	return e
}

func TestPlainLossesAgainstLaurent(t *testing.T) {
	worst := 0.0
	rapid.Check(t, func(t *rapid.T) {
		f, m := drawDiagonal(t, 4, 5, 6)
		losses, err := m.Losses(f)
		if err != nil {
			t.Fatal(err)
		}
		total := 0.0
		for T := 2; T <= m.Tmax; T++ {
			want := 0.0
			for i := range m.D {
				want += errorPolynomial(f, m, i, T).MeanSquare()
			}
			total += want
			worst = max(worst, math.Abs(losses[T-2]/want-1))
			if math.Abs(losses[T-2]-want) > 1e-12*want {
				t.Fatalf("%s T = %d: loss %v, Laurent %v", f, T, losses[T-2], want)
			}
		}
		if loss, err := m.Loss(f); err != nil || math.Abs(loss-total) > 1e-12*total {
			t.Fatalf("total loss %v, Laurent %v (error %v)", loss, total, err)
		}
	})
	t.Logf("worst relative error %.1e", worst)
}

// Predict is literal over heads; C must carry the same prediction.
func TestPredictIsTheCouplingC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, m := drawDiagonal(t, 4, 5, 6)
		s := rollout(f, ar.Rand(1, "rollouts", 0), m.D, m.Tmax)
		c := m.C()
		for T := 2; T <= m.Tmax; T++ {
			for i, got := range m.Predict(s, T) {
				var want complex128
				for u := range T {
					for j := range m.D {
						want += complex(m.P[(T-2)*m.Tmax+u]*c[i*m.D+j],
							0) * s[u*m.D+i] * s[u*m.D+j] * cmplx.Conj(s[(T-2)*m.D+j])
					}
				}
				if cmplx.Abs(got-want) > 1e-12*float64(m.D*m.H*T) {
					t.Fatalf("%s T = %d: prediction %d is %v, from C %v", f, T, i, got, want)
				}
			}
		}
	})
}

// rollout is s_1..s_T in the eigenbasis, s_1 = 1, by repeated multiplication.
func rollout(f ar.Family, r *rand.Rand, d, T int) []complex128 {
	λ := make([]complex128, d)
	for j := range λ {
		λ[j] = cmplx.Exp(complex(0, 2*math.Pi*r.Float64()))
		if f == ar.Rotation && j%2 == 1 {
			λ[j] = cmplx.Conj(λ[j-1])
		}
	}
	s := make([]complex128, T*d)
	for j := range d {
		s[j] = 1
	}
	for t := d; t < T*d; t++ {
		s[t] = λ[t%d] * s[t-d]
	}
	return s
}

// The mean over n sequences has a standard error of the sample deviation over
// √n; 5 of them are a false alarm of 6e-7 a figure, 6e-6 in all.
func TestPlainLossesAgainstMonteCarlo(t *testing.T) {
	const d, h, tmax, n = 4, 3, 6, 20000
	for _, f := range plainFamilies {
		m, err := NewDiagonal(h, d, tmax)
		if err != nil {
			t.Fatal(err)
		}
		m.Init(ar.Rand(7, "weights", 0), 0.5)
		losses, err := m.Losses(f)
		if err != nil {
			t.Fatal(err)
		}
		sum, squares := make([]float64, tmax-1), make([]float64, tmax-1)
		r := ar.Rand(7, "rollouts", 0)
		for range n {
			s := rollout(f, r, d, tmax+1)
			for T := 2; T <= tmax; T++ {
				e := 0.0
				for i, x := range m.Predict(s, T) {
					x -= s[T*d+i]
					e += real(x)*real(x) + imag(x)*imag(x)
				}
				sum[T-2] += e / n
				squares[T-2] += e * e / n
			}
		}
		for i, want := range losses {
			se := math.Sqrt((squares[i] - sum[i]*sum[i]) / n)
			t.Logf("%s T = %d: exact %.4f, rollouts %.4f ± %.4f", f, i+2, want, sum[i], se)
			if math.Abs(sum[i]-want) > 5*se {
				t.Errorf("%s T = %d: exact %v, rollouts %v ± %v", f, i+2, want, sum[i], se)
			}
		}
	}
}

func TestPlainGradientAgainstDifferences(t *testing.T) {
	worst := 0.0
	rapid.Check(t, func(t *rapid.T) {
		f, m := drawDiagonal(t, 4, 5, 6)
		g, err := NewDiagonal(m.H, m.D, m.Tmax)
		if err != nil {
			t.Fatal(err)
		}
		g.Init(ar.Rand(0, "stale", 0), 1) // Gradient overwrites, it does not add
		loss, err := m.Gradient(f, g)
		if err != nil {
			t.Fatal(err)
		}
		exact, err := m.Loss(f)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(loss-exact) > 1e-13*exact {
			t.Fatalf("Gradient returns loss %v, Loss %v", loss, exact)
		}
		// The loss is a polynomial of degree 2 in each weight: central
		// differences of any width are exact but for rounding.
		const width = 0.5
		for _, x := range []struct {
			name     string
			w, slope []float64
		}{{"A", m.A, g.A}, {"B", m.B, g.B}, {"P", m.P, g.P}} {
			for i, was := range x.w {
				if x.name == "P" && !touched(m, i) {
					if x.slope[i] != 0 {
						t.Fatalf("P[%d] enters no loss and has gradient %v", i, x.slope[i])
					}
					continue
				}
				x.w[i] = was + width
				up, _ := m.Loss(f)
				x.w[i] = was - width
				down, _ := m.Loss(f)
				x.w[i] = was
				got, scale := (up-down)/(2*width), up+down
				worst = max(worst, math.Abs(got-x.slope[i])/scale)
				if math.Abs(got-x.slope[i]) > 1e-12*scale {
					t.Fatalf("%s: d/d%s[%d] = %v, differences %v", f, x.name, i, x.slope[i], got)
				}
			}
		}
	})
	t.Logf("worst error %.1e of the loss", worst)
}

// touched says whether entry i of P enters a loss.
func touched(m *Diagonal, i int) bool {
	row, column := i/m.Tmax, i%m.Tmax
	return row < m.Tmax-1 && column <= row+1
}

func TestInitDrawsInOrderAndOnlyTouchedEntries(t *testing.T) {
	m, err := NewDiagonal(2, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.P {
		m.P[i] = math.NaN()
	}
	m.Init(ar.Rand(3, "weights", 0), 0.25)
	r := ar.Rand(3, "weights", 0)
	for _, x := range [][]float64{m.A, m.B} {
		for i := range x {
			if want := 0.25 * r.NormFloat64(); x[i] != want {
				t.Fatalf("entry %d = %v, want %v", i, x[i], want)
			}
		}
	}
	for i, x := range m.P {
		want := 0.0
		if touched(m, i) {
			want = 0.25 * r.NormFloat64()
		}
		if x != want {
			t.Fatalf("P[%d] = %v, want %v", i, x, want)
		}
	}
}

func TestDiagonalRefusesWhatItCannotBe(t *testing.T) {
	for _, c := range []struct {
		h, d, tmax int
		want       string
	}{{0, 4, 5, "H = 1 or more"}, {2, 0, 5, "d = 1 or more"}, {2, 4, 1, "Tmax = 2 or more"}} {
		if _, err := NewDiagonal(c.h, c.d, c.tmax); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("NewDiagonal(%d, %d, %d): error %v, want one that says %q", c.h, c.d, c.tmax,
				err, c.want)
		}
	}
	m, err := NewDiagonal(2, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []ar.Family{ar.Haar, ar.Special, ar.Rotation /* d is odd */, "none"} {
		_, e1 := m.Loss(f)
		_, e2 := m.Losses(f)
		_, e3 := m.Gradient(f, m)
		_, e4 := m.Descend(t.Context(), f, Descent{LearningRate: 1})
		_, e5 := PlainMinimum(f, 3, 1)
		_, e6 := PlainMinimiser(f, 3, 1, 4, 1, 1)
		_, e7 := Certify(m, f)
		_, e8 := m.LeastLosses(f)
		for i, err := range []error{e1, e2, e3, e4, e5, e6, e7, e8} {
			if err == nil {
				t.Errorf("call %d accepts family %q at d = 3", i, f)
			}
		}
		if (f == ar.Haar || f == ar.Special) && !errors.Is(e1, errNoEigenbasis) {
			t.Errorf("family %q: error %v", f, e1)
		}
	}
}

func TestDescendFollowsTheGradient(t *testing.T) {
	for _, f := range plainFamilies {
		m, err := NewDiagonal(3, 4, 5)
		if err != nil {
			t.Fatal(err)
		}
		m.Init(ar.Rand(5, "weights", 0), 0.5)
		slow := &Diagonal{H: m.H, D: m.D, Tmax: m.Tmax}
		slow.A, slow.B, slow.P = append(slow.A, m.A...), append(slow.B, m.B...), append(slow.P,
			m.P...)
		g, _ := NewDiagonal(3, 4, 5)
		const rate, iterations = 0.01, 7
		var seen []float64
		losses, err := m.Descend(t.Context(), f,
			Descent{LearningRate: rate, Iterations: iterations, Observe: func(k int, loss float64) {
				if k != len(seen) {
					t.Errorf("observed %d after %d calls", k, len(seen))
				}
				seen = append(seen, loss)
			}})
		if err != nil || len(losses) != iterations+1 {
			t.Fatalf("%d losses, error %v", len(losses), err)
		}
		for k := range iterations + 1 {
			loss, err := slow.Gradient(f, g)
			if err != nil {
				t.Fatal(err)
			}
			if losses[k] != loss || seen[k] != loss {
				t.Fatalf("%s: loss %d is %v, observed %v, step by step %v", f, k, losses[k],
					seen[k], loss)
			}
			if k > 0 && losses[k] >= losses[k-1] {
				t.Errorf("%s: loss %d rises from %v to %v", f, k, losses[k-1], losses[k])
			}
			for _, x := range []struct{ w, slope []float64 }{{slow.A, g.A}, {slow.B, g.B},
				{slow.P, g.P}} {
				for i := range x.w {
					x.w[i] -= rate * x.slope[i]
				}
			}
		}
	}
}

func TestDescendStops(t *testing.T) {
	m, err := NewDiagonal(2, 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(ar.Rand(1, "weights", 0), 1)
	cancelled, cancel := context.WithCancel(t.Context())
	losses, err := m.Descend(cancelled, ar.Unitary,
		Descent{LearningRate: 1e-3, Iterations: 100, Observe: func(k int, _ float64) {
			if k == 9 {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) || len(losses) != 10 {
		t.Errorf("cancelled after iteration 9: %d losses, error %v", len(losses), err)
	}
	if _, err := m.Descend(t.Context(), ar.Unitary,
		Descent{LearningRate: 0, Iterations: 1}); err == nil {
		t.Error("learning rate 0 accepted")
	}
	if _, err := m.Descend(t.Context(), ar.Unitary,
		Descent{LearningRate: 1, Iterations: -1}); err == nil {
		t.Error("negative iterations accepted")
	}
	losses, err = m.Descend(t.Context(), ar.Unitary, Descent{LearningRate: 10, Iterations: 100})
	if err == nil || !strings.Contains(err.Error(), "iteration") ||
		!strings.Contains(err.Error(), "tensor ") || len(losses) == 0 {
		t.Errorf("divergence: %d losses, error %v", len(losses), err)
	}
	for _, name := range []string{"A", "B", "P"} {
		m.Init(ar.Rand(1, "weights", 0), 1)
		map[string][]float64{"A": m.A, "B": m.B, "P": m.P}[name][1] = math.Inf(1)
		if _, err := m.Descend(t.Context(), ar.Unitary,
			Descent{LearningRate: 1, Iterations: 3}); err == nil ||
			!strings.Contains(err.Error(), "iteration 0, tensor "+name) {
			t.Errorf("infinite %s: error %v", name, err)
		}
		m.Init(ar.Rand(1, "weights", 0), 1)
		map[string][]float64{"A": m.A, "B": m.B,
			"P": m.P}[name][1] = 1e200 // finite, the loss is not
		if _, err := m.Descend(t.Context(), ar.Unitary,
			Descent{LearningRate: 1, Iterations: 3}); err == nil ||
			!strings.Contains(err.Error(), "iteration 0, tensor "+name) {
			t.Errorf("huge %s: error %v", name, err)
		}
	}
}

func TestDescendAllocatesNothingPerIteration(t *testing.T) {
	m, err := NewDiagonal(2, 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(ar.Rand(1, "weights", 0), 0.1)
	allocations := func(iterations int) float64 {
		return testing.AllocsPerRun(3, func() {
			if _, err := m.Descend(t.Context(), ar.Rotation,
				Descent{LearningRate: 1e-3, Iterations: iterations}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if short, long := allocations(1), allocations(1000); short != long {
		t.Errorf("%v allocations for 1 iteration, %v for 1000", short, long)
	}
}

// Over the same time of flow the drift is proportional to the learning rate.
func TestConservedDriftHalvesWithTheLearningRate(t *testing.T) {
	for _, f := range plainFamilies {
		drift := func(rate float64) (q, s float64) {
			m, err := NewDiagonal(3, 4, 6)
			if err != nil {
				t.Fatal(err)
			}
			m.Init(ar.Rand(11, "weights", 0), 0.5)
			q0, s0 := Conserved(m)
			if _, err := m.Descend(t.Context(), f,
				Descent{LearningRate: rate, Iterations: int(math.Round(0.5 / rate))}); err != nil {
				t.Fatal(err)
			}
			q1, s1 := Conserved(m)
			for i := range q0 {
				q += (q1[i] - q0[i]) * (q1[i] - q0[i])
			}
			return math.Sqrt(q), math.Abs(s1 - s0)
		}
		q, s := drift(2e-4)
		qHalf, sHalf := drift(1e-4)
		t.Logf("%s: drift of Q %.2e, %.2e; of s %.2e, %.2e", f, q, qHalf, s, sHalf)
		if q == 0 || s == 0 || math.Abs(q/qHalf-2) > 0.05 || math.Abs(s/sHalf-2) > 0.05 {
			t.Errorf("%s: halving the rate takes the drift of Q from %v to %v and of s from %v to %v", f,
				q, qHalf, s, sHalf)
		}
	}
}
