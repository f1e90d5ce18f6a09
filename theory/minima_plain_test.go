package theory

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"icar/ar"
)

// singularTail is Σ_{k>rank} σ_k² of a square matrix.
func singularTail(x *mat.Dense, rank int) float64 {
	var svd mat.SVD
	svd.Factorize(x, mat.SVDNone)
	sum := 0.0
	for _, s := range svd.Values(nil)[min(rank, len(svd.Values(nil))):] {
		sum += s * s
	}
	return sum
}

// failer is what testing.T and rapid.T share.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// minimiser returns a global minimiser, failing the test on errors.
func minimiser(t failer, f ar.Family, d, h, tmax int, c, kappa float64) *Diagonal {
	t.Helper()
	m, err := PlainMinimiser(f, d, h, tmax, c, kappa)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// gradientNorm is the Euclidean norm of the gradient at m.
func gradientNorm(t testing.TB, f ar.Family, m *Diagonal) float64 {
	t.Helper()
	g, err := NewDiagonal(m.H, m.D, m.Tmax)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Gradient(f, g); err != nil {
		t.Fatal(err)
	}
	return g.norm()
}

// loss is the exact total loss, failing the test on errors.
func loss(t testing.TB, f ar.Family, m *Diagonal) float64 {
	t.Helper()
	x, err := m.Loss(f)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestPlainMinimumValues(t *testing.T) {
	for _, c := range []struct {
		f    ar.Family
		d, h int
		want float64
	}{
		{ar.Unitary, 5, 1, 4}, {ar.Unitary, 5, 4, 1}, {ar.Unitary, 5, 5, 0}, {ar.Unitary, 5, 9, 0},
		{ar.Rotation, 6, 1, 4}, {ar.Rotation, 6, 2, 2}, {ar.Rotation, 6, 3, 0}, {ar.Rotation, 6, 4, 0},
		{ar.Rotation, 6, 7, 0},
	} {
		if got, err := PlainMinimum(c.f, c.d, c.h); err != nil || got != c.want {
			t.Errorf("%s d = %d H = %d: minimum %v, error %v, want %v", c.f, c.d, c.h, got, err, c.want)
		}
	}
	if _, err := PlainMinimum(ar.Unitary, 4, 0); err == nil {
		t.Error("H = 0 accepted")
	}
}

// Every H = 1..d+1, both signs of the gauge, every κ that theory allows.
func TestPlainMinimiserAttainsTheMinimum(t *testing.T) {
	const tmax = 6
	worst := 0.0
	for _, f := range plainFamilies {
		for d := 1; d <= 8; d++ {
			for h := 1; h <= d+1 && f.Check(d) == nil; h++ {
				kappas := []float64{1}
				if h >= d {
					kappas = []float64{1, 0, -0.6, 2.5, -3}
				}
				for _, c := range []float64{1, -1, 0.3, -2.7} {
					for _, kappa := range kappas {
						m := minimiser(t, f, d, h, tmax, c, kappa)
						losses, err := m.Losses(f)
						if err != nil {
							t.Fatal(err)
						}
						want, err := PlainMinimum(f, d, h)
						if err != nil {
							t.Fatal(err)
						}
						for i, got := range losses {
							worst = max(worst, math.Abs(got-want))
							if math.Abs(got-want) > 1e-13*float64(d) {
								t.Errorf("%s d = %d H = %d c = %v κ = %v T = %d: loss %v, minimum %v", f, d, h, c,
									kappa, i+2, got, want)
							}
						}
						if g := gradientNorm(t, f, m); g > 1e-12*float64(d*tmax) {
							t.Errorf("%s d = %d H = %d c = %v κ = %v: gradient %v", f, d, h, c, kappa, g)
						}
						if got := m.C()[0]; math.Abs(got-c) > 1e-14*math.Abs(c) {
							t.Errorf("%s d = %d H = %d: C_11 = %v, gauge %v", f, d, h, got, c)
						}
					}
				}
			}
		}
	}
	t.Logf("worst error of ℓ_T %.1e", worst)
}

func TestPlainMinimiserRefusesWhatIsImpossible(t *testing.T) {
	for _, c := range []struct {
		f        ar.Family
		h        int
		c, kappa float64
		want     string
	}{
		{ar.Unitary, 2, 0, 1, "gauge c = 0"},
		{ar.Rotation, 4, math.Inf(1), 1, "finite c"},
		{ar.Rotation, 4, 1, -1, "other than -1"},
		{ar.Rotation, 3, 1, 0.5, "forces κ = 1"},
		{ar.Rotation, 1, 1, 0.5, "forces κ = 1"},
	} {
		if _, err := PlainMinimiser(c.f, 4, c.h, 5, c.c, c.kappa); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s H = %d c = %v κ = %v: error %v, want one that says %q", c.f, c.h, c.c, c.kappa,
				err, c.want)
		}
	}
}

// The steps of the proof, for any weights. Unitary: ℓ_T ≥ |p_T C - I|² ≥ d - H.
// Rotation: ℓ_T ≥ |p_T C - K|² ≥ Σ_{k>H} σ_k(K)² ≥ d - 2H, K with blocks
// [[1, p_T C_iī], [p_T C_īi, 1]].
func TestPlainLowerBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, m := drawDiagonal(t, 6, 6, 4)
		losses, err := m.Losses(f)
		if err != nil {
			t.Fatal(err)
		}
		minimum, err := PlainMinimum(f, m.D, m.H)
		if err != nil {
			t.Fatal(err)
		}
		c := m.C()
		for T := 2; T <= m.Tmax; T++ {
			p := m.P[(T-2)*m.Tmax+T-1]
			near := mat.NewDense(m.D, m.D, nil)
			gap := 0.0
			for i := range m.D {
				for j := range m.D {
					switch x := p * c[i*m.D+j]; {
					case i == j:
						near.Set(i, j, 1)
						gap += (x - 1) * (x - 1)
					case f == ar.Rotation && j == i^1:
						near.Set(i, j, x)
					default:
						gap += x * x
					}
				}
			}
			tail := singularTail(near, m.H)
			slack := 1e-12 * (1 + losses[T-2])
			if losses[T-2] < gap-slack || gap < tail-slack || tail < minimum-slack {
				t.Fatalf("%s T = %d: want ℓ %v ≥ |pC - K|² %v ≥ tail %v ≥ minimum %v", f, T, losses[T-2],
					gap, tail, minimum)
			}
		}
	})
}

// Descents of many heads, families and starts never go below the minimum; where
// every start is claimed to reach it (unitary), all do.
func TestPlainDescentsRespectTheMinimum(t *testing.T) {
	const tmax, iterations = 4, 3000
	reached := map[string]int{}
	for _, f := range plainFamilies {
		for d := 2; d <= 4; d += 2 {
			for h := 1; h <= d; h++ {
				minimum, err := PlainMinimum(f, d, h)
				if err != nil {
					t.Fatal(err)
				}
				minimum *= tmax - 1
				for seed := range uint64(6) {
					m, err := NewDiagonal(h, d, tmax)
					if err != nil {
						t.Fatal(err)
					}
					m.Init(ar.Rand(seed, "weights", 0), 0.3)
					losses, err := m.Descend(t.Context(), f, Descent{LearningRate: 0.02, Iterations: iterations})
					if err != nil {
						t.Fatal(err)
					}
					for k, x := range losses {
						if x < minimum-1e-12 {
							t.Fatalf("%s d = %d H = %d seed %d: loss %v at iteration %d, minimum %v", f, d, h,
								seed, x, k, minimum)
						}
					}
					if losses[iterations]-minimum < 1e-6 {
						reached[fmt.Sprint(f, " d=", d, " H=", h)]++
					} else if f == ar.Unitary {
						t.Errorf("unitary d = %d H = %d seed %d: loss %v, minimum %v", d, h, seed,
							losses[iterations], minimum)
					}
				}
			}
		}
	}
	t.Log("starts of 6 that reached the minimum: ", reached)
	for _, f := range plainFamilies {
		if reached[fmt.Sprint(f, " d=4 H=4")] == 0 {
			t.Errorf("%s: no descent with H = d reached the minimum", f)
		}
	}
}

// |c| from descents with a small start, and heads or columns that come out
// orthogonal. A start of scale ε leaves the conserved quantities of order
// ε² H d and a small learning rate moves them by its own order; both are below
// 1e-3 of |A|² here, and |c|³ shares their relative error.
func TestGaugeFromSmallStart(t *testing.T) {
	for _, c := range []struct {
		f       ar.Family
		d, h    int
		seed    uint64
		columns bool // orthogonal columns instead of rows: AᵀA = |c| I
	}{
		{ar.Unitary, 4, 2, 1, false},
		{ar.Unitary, 4, 4, 1, true},
		{ar.Unitary, 3, 5, 1, true},
		{ar.Rotation, 4, 1, 0, false},
		{ar.Rotation, 4, 2, 6, false},
		{ar.Rotation, 6, 2, 5, false},
		{ar.Rotation, 4, 6, 1, false},
		{ar.Rotation, 4, 3, 2, false},
	} {
		const tmax = 6
		m, err := NewDiagonal(c.h, c.d, tmax)
		if err != nil {
			t.Fatal(err)
		}
		m.Init(ar.Rand(c.seed, "weights", 0), 0.01)
		if _, err := m.Descend(t.Context(), c.f, Descent{LearningRate: 3e-3,
			Iterations: 100000}); err != nil {
			t.Fatal(err)
		}
		got, err := Certify(m, c.f)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s d = %d H = %d", c.f, c.d, c.h)
		if got.Verdict != GlobalMinimum && got.Verdict != NearMinimum {
			t.Errorf("%s: %s, excess %v", name, got.Verdict, got.Excess)
			continue
		}
		kappa := 1.0
		if c.h >= c.d && c.f == ar.Rotation {
			kappa = got.Kappa[0]
		}
		want, err := GaugeFromSmallStart(c.f, c.d, c.h, tmax, kappa)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: |c| = %.5f, predicted %.5f, κ = %.4f, overlap %.1e, excess %.1e", name,
			math.Abs(got.Gauge), want, kappa, got.HeadOverlap, got.Excess)
		if math.Abs(math.Abs(got.Gauge)/want-1) > 2e-3 {
			t.Errorf("%s: |c| = %v, predicted %v", name, math.Abs(got.Gauge), want)
		}
		if got.OrthogonalHeads && got.HeadOverlap > 2e-3 {
			t.Errorf("%s: heads overlap by %v", name, got.HeadOverlap)
		}
		for i := 0; c.columns && i < c.d; i++ {
			for j := range c.d {
				sum := 0.0
				for h := range c.h {
					sum += m.A[h*c.d+i] * m.A[h*c.d+j]
				}
				if i == j {
					sum -= want
				}
				if math.Abs(sum) > 2e-3*want {
					t.Errorf("%s: (AᵀA)_%d%d is off by %v", name, i, j, sum)
				}
			}
		}
	}
	if _, err := GaugeFromSmallStart(ar.Rotation, 4, 2, 5, 0.5); err == nil {
		t.Error("κ = 0.5 accepted with H = 2, d = 4")
	}
}

// The formulas of THEORY in closed form, against the construction.
func TestGaugeFormulas(t *testing.T) {
	for _, c := range []struct {
		f     ar.Family
		d, h  int
		kappa float64
		want  float64 // |c|³ at Tmax = 9
	}{
		{ar.Unitary, 5, 3, 1, 8. / 3}, {ar.Unitary, 5, 8, 1, 8. / 5},
		{ar.Rotation, 6, 3, 1, 8 * 1.25 / (3 * 2)}, {ar.Rotation, 6, 2, 1, 8 * 1.25 / (2 * 2)},
		{ar.Rotation, 6, 6, 0.5, 8 * (1 + 0.25/2.25) / (3 * 2)},
		{ar.Rotation, 6, 7, -3, 8 * (1 + 9./4) / (3 * 6)},
	} {
		got, err := GaugeFromSmallStart(c.f, c.d, c.h, 9, c.kappa)
		if err != nil || math.Abs(got*got*got/c.want-1) > 1e-14 {
			t.Errorf("%s d = %d H = %d κ = %v: |c|³ = %v, error %v, want %v", c.f, c.d, c.h, c.kappa,
				got*got*got, err, c.want)
		}
	}
}
