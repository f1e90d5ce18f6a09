package theory

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"icar/ar"
)

func certify(t testing.TB, m *Diagonal, f ar.Family) Certificate {
	t.Helper()
	c, err := Certify(m, f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// regauge replaces A by MA and B by M⁻ᵀB for a random well-conditioned M, which
// leaves C as it is.
func regauge(t testing.TB, r *rand.Rand, m *Diagonal) {
	t.Helper()
	h := m.H
	x := mat.NewDense(h, h, nil)
	for i := range h {
		for j := range h {
			x.Set(i, j, 0.3*r.NormFloat64()/float64(h))
		}
		x.Set(i, i, x.At(i, i)+1)
	}
	var a, b mat.Dense
	a.Mul(x, mat.NewDense(h, m.D, append([]float64(nil), m.A...)))
	if err := b.Solve(x.T(), mat.NewDense(h, m.D, append([]float64(nil), m.B...))); err != nil {
		t.Fatal(err)
	}
	copy(m.A, a.RawMatrix().Data)
	copy(m.B, b.RawMatrix().Data)
}

func TestCertificateOfMinimisers(t *testing.T) {
	r := ar.Rand(1, "gauges", 0)
	worst := 0.0
	for _, f := range plainFamilies {
		for d := 2; d <= 8; d += 2 {
			for h := 1; h <= d+1; h++ {
				kappas := []float64{1}
				if f == ar.Rotation && h >= d {
					kappas = []float64{1, 0.25, -0.5, -4}
				}
				for _, kappa := range kappas {
					for _, gauge := range []float64{1.3, -0.4} {
						m := minimiser(t, f, d, h, 5, gauge, kappa)
						if x := certify(t, m, f).HeadOverlap; f == ar.Unitary && x != 0 || x > 1e-14 {
							t.Errorf("%s d = %d H = %d: heads overlap by %v", f, d, h, x)
						}
						regauge(t, r, m)
						c := certify(t, m, f)
						worst = max(worst, c.ResidualC, c.ResidualP, c.GradientNorm)
						if c.Verdict != GlobalMinimum || math.Abs(c.Gauge/gauge-1) > 1e-12 ||
							c.ResidualC > 1e-12 || c.ResidualP > 1e-12 || c.GradientNorm > 1e-10 {
							t.Errorf("%s d = %d H = %d c = %v κ = %v: %+v", f, d, h, gauge, kappa, c)
						}
						if want := f == ar.Unitary && h <= d || f == ar.Rotation &&
							h <= d/2; c.OrthogonalHeads != want {
							t.Errorf("%s d = %d H = %d: orthogonal heads claimed: %v", f, d, h, c.OrthogonalHeads)
						}
						for k, x := range c.Kappa {
							want := kappa
							if k >= h {
								want = 0 // not served
							}
							if math.Abs(x-want) > 1e-12 {
								t.Errorf("%s d = %d H = %d: κ of pair %d is %v, want %v", f, d, h, k, x, want)
							}
						}
						for _, x := range c.Ratio {
							want := 0.0
							if f == ar.Rotation {
								want = -kappa / (1 + kappa)
							}
							if math.Abs(x-want) > 1e-12 {
								t.Errorf("%s d = %d H = %d: ratio %v, want %v", f, d, h, x, want)
							}
						}
						proved := f == ar.Rotation && h >= d/2 && h < d
						if proved != (c.KappaBound < 1e-5) || proved == math.IsInf(c.KappaBound, 1) ||
							proved == math.IsInf(c.RatioBound[0], 1) {
							t.Errorf("%s d = %d H = %d: bounds %v, %v", f, d, h, c.KappaBound, c.RatioBound)
						}
					}
				}
			}
		}
	}
	t.Logf("worst residual or gradient %.1e", worst)
}

func TestCertificateSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, m := drawDiagonal(t, 5, 6, 5)
		c, err := Certify(m, f)
		if err != nil {
			t.Fatal(err)
		}
		minimum, _ := PlainMinimum(f, m.D, m.H)
		sum := 0.0
		losses, _ := m.Losses(f)
		for i, x := range c.ExcessPerT {
			sum += x
			if math.Abs(x+minimum-losses[i]) > 1e-12*losses[i] {
				t.Fatalf("excess %v, loss %v, minimum %v", x, losses[i], minimum)
			}
			w := m.weights(i + 2)
			if c.Ratio[i] != w[i]/w[i+1] {
				t.Fatalf("ratio %v of %v", c.Ratio[i], w)
			}
		}
		total, _ := m.Loss(f)
		if c.Loss != total || c.Minimum != minimum*float64(m.Tmax-1) ||
			math.Abs(c.Excess-sum) > 1e-12*total || math.Abs(c.Excess-(c.Loss-c.Minimum)) > 1e-12*total {
			t.Fatalf("loss %v, certificate %+v", total, c)
		}
		if c.Verdict != NotMinimum {
			t.Fatalf("random weights: %q", c.Verdict)
		}
	})
}

func TestCertificateVerdicts(t *testing.T) {
	trap, _, err := PlainTrap(6, 3, 5, -0.8)
	if err != nil {
		t.Fatal(err)
	}
	valley, _, err := PlainValley(6, 4, 5, 1e-4)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := NewDiagonal(2, 6, 5)
	if err != nil {
		t.Fatal(err)
	}
	small, err := NewDiagonal(2, 6, 5)
	if err != nil {
		t.Fatal(err)
	}
	small.Init(ar.Rand(1, "weights", 0), 1e-4) // tiny gradient, but far from stationary for its size
	near := minimiser(t, ar.Rotation, 6, 4, 5, 1, 1)
	near.A[0] *= 1 + 1e-3
	far := minimiser(t, ar.Rotation, 6, 4, 5, 1, 1)
	far.A[0] *= 1.5
	for _, c := range []struct {
		name string
		f    ar.Family
		m    *Diagonal
		want Verdict
	}{
		{"all κ = -1", ar.Rotation, trap, Trap},
		{"zero weights", ar.Unitary, zero, Trap},
		{"small weights", ar.Unitary, small, NotMinimum},
		{"valley", ar.Rotation, valley, Valley},
		{"weights off by 1e-3", ar.Rotation, near, NearMinimum},
		{"weights off by a half", ar.Rotation, far, NotMinimum},
		{"a minimiser of the other family", ar.Unitary, minimiser(t, ar.Rotation, 6, 3, 5, 1, 1),
			NotMinimum},
	} {
		got := certify(t, c.m, c.f)
		if got.Verdict != c.want {
			t.Errorf("%s: verdict %q, want %q; %+v", c.name, got.Verdict, c.want, got)
		}
		if c.want == Valley && !math.IsInf(got.KappaBound, 1) {
			t.Errorf("%s: κ is bounded by %v in the valley", c.name, got.KappaBound)
		}
		for _, x := range []float64{got.Gauge, got.ResidualC, got.ResidualP, got.HeadOverlap,
			got.GradientNorm} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Errorf("%s: a field is not finite: %+v", c.name, got)
			}
		}
	}
	far.A[0] = 1e200
	if _, err := Certify(far, ar.Rotation); err == nil {
		t.Error("an infinite loss is certified")
	}
	// H ≥ d at κ = -1 exactly: no minimum has it.
	free := minimiser(t, ar.Rotation, 4, 4, 5, 1, 1)
	for k := range 2 {
		free.pairHead(k, k, -1, 2)
		free.pairHead(2+k, k, -1, 0)
	}
	if c := certify(t, free, ar.Rotation); c.ResidualP < 0.99 || c.Verdict == GlobalMinimum ||
		math.Abs(c.Kappa[0]+1) > 1e-15 {
		t.Errorf("κ = -1: %+v", c)
	}
}

// Where Π1 = 0 the weight p_{T-1} is free, elsewhere it is not.
func TestCertificateLeavesTheFreeWeightAlone(t *testing.T) {
	m, err := NewDiagonal(1, 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	for sign, want := range map[float64]Verdict{-1: GlobalMinimum, 1: NotMinimum} {
		copy(m.A, []float64{1, sign})
		copy(m.B, m.A) // C = 2Π, Π1 = 0 for sign -1
		clear(m.P)
		for T := 2; T <= 5; T++ {
			w := m.weights(T)
			w[T-2], w[T-1] = 0.9, 0.5
		}
		c := certify(t, m, ar.Unitary)
		if free := c.ResidualP < 1e-12; c.Verdict != want || free != (sign < 0) || c.ResidualC > 1e-12 {
			t.Errorf("C1 of sign %v: %q, residuals %v and %v", sign, c.Verdict, c.ResidualC, c.ResidualP)
		}
	}
}

// Noise of relative size δ on C or on P gives a residual of that size: |N|/|C*|
// for a matrix N that is orthogonal to the tangent of the minimisers, at most
// that for others.
func TestCertificateResidualsMeasureTheDistance(t *testing.T) {
	for _, c := range []struct {
		f     ar.Family
		d, h  int
		kappa float64
	}{{ar.Unitary, 5, 3, 1}, {ar.Unitary, 4, 4, 1}, {ar.Rotation, 6, 2, 1}, {ar.Rotation, 6, 4, 1},
		{ar.Rotation, 4, 4, 0.3}} {
		for _, noise := range []float64{1e-2, 1e-4, 1e-6} {
			m := minimiser(t, c.f, c.d, c.h, 5, 0.7, c.kappa)
			for T := 2; T <= 5; T++ {
				w := m.weights(T)
				w[T-1] *= 1 + noise
			}
			ratio := 0.0
			if c.f == ar.Rotation {
				ratio = c.kappa / (1 + c.kappa)
			}
			want := noise / math.Sqrt(1+ratio*ratio)
			if got := certify(t, m, c.f); math.Abs(got.ResidualP/want-1) > 1e-6 || got.ResidualC > 1e-12 {
				t.Errorf("%s d = %d H = %d: superdiagonal off by %v: residuals %v and %v, want %v in P",
					c.f, c.d, c.h, noise, got.ResidualC, got.ResidualP, want)
			}
			m = minimiser(t, c.f, c.d, c.h, 5, 0.7, c.kappa)
			m.P[2*m.Tmax] += noise / 0.7 // p_1 of T = 4
			want = noise / math.Sqrt(4*(1+ratio*ratio))
			if got := certify(t, m, c.f); math.Abs(got.ResidualP/want-1) > 1e-6 {
				t.Errorf("%s d = %d H = %d: p_1 off by %v: residual %v, want %v", c.f, c.d, c.h, noise,
					got.ResidualP, want)
			}
			m = minimiser(t, c.f, c.d, c.h, 5, 0.7, c.kappa)
			for j := range m.D { // one value head, rank one: |δC| = noise |B_h||A_h|
				m.B[j] += noise * m.A[(j+m.D/2)%m.D]
			}
			if got := certify(t, m, c.f); got.ResidualC < noise/20 || got.ResidualC > 2*noise {
				t.Errorf("%s d = %d H = %d: C off by %v: residual %v", c.f, c.d, c.h, noise, got.ResidualC)
			}
		}
	}
}
