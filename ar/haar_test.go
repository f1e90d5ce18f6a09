package ar

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// zMax bounds a sample mean in standard errors. A Gaussian exceeds it with
// probability 4e-8, so that the few hundred means of one test together give a
// false alarm below 1e-4.
const zMax = 5.5

// checkMean compares a sample mean with its expectation. The standard error is
// the sample's own; a constant sample may differ by rounding only.
func checkMean(t *testing.T, what string, sample []float64, want float64) {
	t.Helper()
	mean, std := stat.MeanStdDev(sample, nil)
	se := stat.StdErr(std, float64(len(sample)))
	if !(math.Abs(mean-want) <= zMax*se+1e-12) {
		t.Errorf("%s = %.5f, want %.5f with standard error %.5f", what, mean, want, se)
	}
}

// matrices draws n contexts of a family in their real form.
func matrices(family Family, d, n int, stream string) []*mat.Dense {
	r := Rand(1, stream, uint64(d))
	p, w := New(family, d), make([]*mat.Dense, n)
	for i := range w {
		w[i] = mat.NewDense(d, d, p.Context(r).W)
	}
	return w
}

// trace2 returns tr W².
func trace2(w mat.Matrix) float64 {
	var square mat.Dense
	square.Mul(w, w)
	return mat.Trace(&square)
}

func each(w []*mat.Dense, f func(mat.Matrix) float64) []float64 {
	x := make([]float64, len(w))
	for i := range w {
		x[i] = f(w[i])
	}
	return x
}

func square(x []float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = x[i] * x[i]
	}
	return y
}

func TestHaarIsOrthogonalWithKnownDeterminant(t *testing.T) {
	worst := 0.0
	for d := 1; d <= 33; d += 1 + d/8 {
		r := Rand(2, "orthogonality", uint64(d))
		for range 40 {
			a, det := haar(d, r)
			w := mat.NewDense(d, d, a)
			var gram mat.Dense
			gram.Mul(w.T(), w)
			for i := range d {
				gram.Set(i, i, gram.At(i, i)-1)
			}
			worst = max(worst, mat.Max(&gram), -mat.Min(&gram))
			if got := mat.Det(w); math.Abs(got-det) > 1e-10 {
				t.Errorf("d = %d: det W = %v, reported %v", d, got, det)
			}
		}
	}
	// d reflections, each off by a few ulp.
	if !(worst <= 1e-12) {
		t.Errorf("|WᵀW - I| = %.1e, want at most 1e-12", worst)
	}
	t.Logf("worst |WᵀW - I| = %.1e", worst)
}

// The reflection of one row, W → DW with D = diag(1, …, -1, …, 1), leaves the
// measure of O(d) alone, so E W_ii W_jj = E W_ij W_ji = 0 for i ≠ j. Hence
// E (tr W)² = Σ_i E W_ii² = 1 and E tr W² = 1, for every d ≥ 1. On SO(d) it
// takes two reflections, hence d ≥ 3: SO(1) is W = 1, and SO(2) has
// tr W = 2 cosθ, tr W² = 2 cos2θ.
func TestMomentsOfHaarMeasure(t *testing.T) {
	const n = 4000
	type moments struct{ trace, traceSquared, traceOfSquare float64 }
	generic := moments{0, 1, 1}
	for _, family := range []Family{Haar, Special} {
		for _, d := range []int{1, 2, 3, 5, 8} {
			want := generic
			if family == Special && d == 1 {
				want = moments{1, 1, 1}
			} else if family == Special && d == 2 {
				want = moments{0, 2, 0}
			}
			name := fmt.Sprintf("%s d = %d: ", family, d)
			w := matrices(family, d, n, "moments")
			trace := each(w, mat.Trace)
			checkMean(t, name+"E tr W", trace, want.trace)
			checkMean(t, name+"E (tr W)²", square(trace), want.traceSquared)
			checkMean(t, name+"E tr W²", each(w, trace2), want.traceOfSquare)
			for i := range d {
				for j := range d {
					entry := each(w, func(w mat.Matrix) float64 { return w.At(i, j) })
					checkMean(t, fmt.Sprintf("%sE W_%d%d²", name, i, j), square(entry), 1/float64(d))
				}
			}
			if d > 1 {
				checkFourthMoments(t, name, w, float64(d))
			}
		}
	}
}

// checkFourthMoments: a column is uniform on the sphere, E W_11⁴ = 3/(d(d+2)).
// Summing E W_11² W_i2² over i gives E W_11² = 1/d, and a single row gives
// E W_11² W_12² = 1/(d(d+2)), so E W_11² W_22² = (1/d - 1/(d(d+2)))/(d-1). One
// reflection changes det W but none of these, so O(d) and SO(d) share them.
func checkFourthMoments(t *testing.T, name string, w []*mat.Dense, d float64) {
	t.Helper()
	checkMean(t, name+"E W_11⁴", each(w, func(w mat.Matrix) float64 {
		return math.Pow(w.At(0, 0), 4)
	}), 3/(d*(d+2)))
	checkMean(t, name+"E W_11² W_22²", each(w, func(w mat.Matrix) float64 {
		return math.Pow(w.At(0, 0)*w.At(1, 1), 2)
	}), (1/d-1/(d*(d+2)))/(d-1))
}

func TestDeterminantIsPlusOrMinusOneHalfEachAndOneOnSpecial(t *testing.T) {
	for _, d := range []int{1, 2, 3, 4, 7} {
		checkMean(t, fmt.Sprintf("d = %d: E det W", d), each(matrices(Haar, d, 4000, "determinant"),
			mat.Det), 0)
		for _, w := range matrices(Special, d, 200, "determinant") {
			if det := mat.Det(w); math.Abs(det-1) > 1e-12 {
				t.Fatalf("SO(%d): det W = %v", d, det)
			}
		}
	}
}

// ksCritical is the distance of two empirical distribution functions of n
// samples each that equal laws exceed with probability at most 1e-5: the
// inequality P(D > x) ≤ 2 exp(-n x²) holds for n ≥ 458 (Wei & Dudley 2012,
// doi:10.1016/j.spl.2011.11.012).
func ksCritical(n int) float64 { return math.Sqrt(math.Log(2/1e-5) / float64(n)) }

// checkSameLaw compares two samples of one size. Values are cut to a multiple
// of 1e-9: a reflection of the plane has trace 0, an atom that rounding errors
// would spread to either side of 0, differently in either sample.
func checkSameLaw(t *testing.T, what string, x, y []float64) {
	t.Helper()
	for _, sample := range [][]float64{x, y} {
		for i := range sample {
			sample[i] = math.Round(sample[i]*1e9) * 1e-9
		}
		slices.Sort(sample)
	}
	distance, critical := stat.KolmogorovSmirnov(x, nil, y, nil), ksCritical(len(x))
	if !(distance <= critical) {
		t.Errorf("%s: Kolmogorov-Smirnov distance %.4f, want at most %.4f", what, distance, critical)
	}
}

// qrHaar is the definition: the Q of a full Gaussian matrix by gonum, with the
// sign fix.
func qrHaar(d int, r *rand.Rand) *mat.Dense {
	g := mat.NewDense(d, d, nil)
	g.Apply(func(int, int, float64) float64 { return r.NormFloat64() }, g)
	var qr mat.QR
	qr.Factorize(g)
	var q, upper mat.Dense
	qr.QTo(&q)
	qr.RTo(&upper)
	q.Apply(func(_, j int, x float64) float64 { return x * math.Copysign(1, upper.At(j, j)) }, &q)
	return &q
}

// statistics of W that separate it from other laws on the orthogonal group.
var statistics = []struct {
	name string
	of   func(mat.Matrix) float64
}{
	{"tr W", mat.Trace},
	{"tr W²", trace2},
	{"first entry", func(w mat.Matrix) float64 { return w.At(0, 0) }},
	{"second column", func(w mat.Matrix) float64 { return w.At(0, 1) }},
	{"1ᵀW1", mat.Sum},
}

func TestHaarHasTheLawOfSignFixedQR(t *testing.T) {
	const n = 3000
	for _, d := range []int{2, 3, 5} {
		r := Rand(1, "qr", uint64(d))
		reference := make([]*mat.Dense, n)
		for i := range reference {
			reference[i] = qrHaar(d, r)
		}
		w := matrices(Haar, d, n, "against qr")
		for _, s := range statistics {
			checkSameLaw(t, fmt.Sprintf("d = %d, %s", d, s.name), each(w, s.of), each(reference, s.of))
		}
	}
}

// The defining property: GW has the law of W for any fixed G of the group. G
// is a rotation by 1 rad of every plane (i, i+1), which mixes all coordinates.
func TestHaarIsInvariantUnderLeftMultiplication(t *testing.T) {
	const n = 3000
	sin, cos := math.Sincos(1)
	for _, family := range []Family{Haar, Special} {
		for _, d := range []int{2, 3, 5} {
			w, moved := matrices(family, d, n, "fixed"), matrices(family, d, n, "moved")
			for _, m := range moved {
				for i := range d - 1 {
					for j := range d {
						a, b := m.At(i, j), m.At(i+1, j)
						m.Set(i, j, cos*a-sin*b)
						m.Set(i+1, j, sin*a+cos*b)
					}
				}
			}
			for _, s := range statistics {
				checkSameLaw(t, fmt.Sprintf("%s d = %d, %s", family, d, s.name), each(w, s.of),
					each(moved, s.of))
			}
		}
	}
}
