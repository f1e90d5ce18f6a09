package estimator

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"icar/ar"
)

// The posterior mean of W s_T by sampling: W given the pairs seen is, on the
// inputs, what was seen, and on their complement an orthogonal map H to the
// complement of the outputs, Haar on O(d-k), for SO(d) with the sign of det H
// that makes det W = 1. The sampler knows nothing of least squares: bases are
// completed by Householder's QR, and a draw that does not fit SO(d) is thrown
// away.
func TestLeastSquaresIsThePosteriorMean(t *testing.T) {
	const draws = 4000
	for _, c := range []struct {
		family ar.Family
		e      Estimator
	}{{ar.Haar, LeastSquares{}}, {ar.Special, SpecialOrthogonal{}}} {
		for d := 1; d <= 4; d++ {
			states, _ := sampled(t, c.family, d, d+1, 0, uint64(10+d))
			stream, prediction := start(t, c.e, Sequence{D: d, T: d + 1}), make([]float64, d)
			for T := 1; T <= d+1; T++ {
				query := states[(T-1)*d : T*d]
				stream.Next(prediction, query)
				samples := make([][]float64, d)
				for i := range samples {
					samples[i] = make([]float64, draws)
				}
				posterior := newPosterior(t, c.family, columns(d, states, 0, T-1),
					columns(d, states, 1, T-1), d)
				r := ar.Rand(1, fmt.Sprintf("posterior %s %d", c.family, d), uint64(T))
				for n := range draws {
					w := posterior.draw(func(m int) []float64 { return ar.New(ar.Haar, m).Context(r).W })
					var image mat.VecDense
					image.MulVec(w, mat.NewVecDense(d, query))
					for i := range d {
						samples[i][n] = image.AtVec(i)
					}
				}
				for i := range d {
					mean, std := stat.MeanStdDev(samples[i], nil)
					se := stat.StdErr(std, draws)
					if !(math.Abs(mean-prediction[i]) <= zMax*se+1e-9) {
						t.Errorf("%s d = %d, T = %d, coordinate %d: posterior mean %.5f ± %.5f, predicted %.5f",
							c.family, d, T, i, mean, se, prediction[i])
					}
				}
			}
		}
	}
}

// posterior is the law of W given that it takes the k columns of x to those of
// y: W = Y R⁻¹ Qᵀ + V H Uᵀ with x = QR, U and V completing Q and the image.
type posterior struct {
	d, k    int
	on      *mat.Dense // W on the span of the inputs
	u, v    mat.Matrix // (D, D-k) bases of the complements
	special bool
}

func newPosterior(t *testing.T, family ar.Family, x, y *mat.Dense, d int) posterior {
	p := posterior{d: d, on: mat.NewDense(d, d, nil), special: family == ar.Special}
	if x == nil {
		p.u, p.v = scaled(d, 1), scaled(d, 1)
		return p
	}
	_, n := x.Dims()
	p.k = min(n, d)
	basis := func(a mat.Matrix) *mat.Dense {
		var qr mat.QR
		var q mat.Dense
		qr.Factorize(a)
		qr.QTo(&q)
		return &q
	}
	x, y = x.Slice(0, d, 0, p.k).(*mat.Dense), y.Slice(0, d, 0, p.k).(*mat.Dense)
	q, z := basis(x), basis(y)
	var coordinates, inverse mat.Dense
	coordinates.Mul(q.Slice(0, d, 0, p.k).T(), x)
	if err := inverse.Inverse(&coordinates); err != nil {
		t.Fatal(err)
	}
	p.on.Product(y, &inverse, q.Slice(0, d, 0, p.k).T())
	if p.k < d {
		p.u, p.v = q.Slice(0, d, p.k, d), z.Slice(0, d, p.k, d)
	}
	return p
}

func (p posterior) draw(haar func(m int) []float64) *mat.Dense {
	m := p.d - p.k
	if m == 0 {
		return p.on
	}
	for {
		var w mat.Dense
		w.Product(p.v, mat.NewDense(m, m, haar(m)), p.u.T())
		w.Add(&w, p.on)
		if !p.special || mat.Det(&w) > 0 {
			return &w
		}
	}
}

// The closed forms against the estimators that attain them, position by
// position, contraction included.
func TestBayesFloorsAreAttained(t *testing.T) {
	for _, c := range []struct {
		family ar.Family
		d      int
		rho    float64
		e      Estimator
	}{
		{ar.Haar, 1, 1, LeastSquares{}}, {ar.Haar, 2, 1, LeastSquares{}},
		{ar.Haar, 5, 1, LeastSquares{}}, {ar.Haar, 4, 0.8, LeastSquares{}},
		{ar.Special, 1, 1, SpecialOrthogonal{}}, {ar.Special, 2, 1, SpecialOrthogonal{}},
		{ar.Special, 5, 1, SpecialOrthogonal{}},
	} {
		const n, T = 4000, 7
		p := ar.New(c.family, c.d)
		p.Rho = c.rho
		floor, err := BayesFloor(p, T)
		if err != nil {
			t.Fatal(err)
		}
		measured := mse(t, batch(t, p, n, T, "floors"), c.e)
		for position := range T {
			column := make([]float64, n)
			for i := range column {
				column[i] = measured.Squared[i*T+position]
			}
			mean, std := stat.MeanStdDev(column, nil)
			if se := stat.StdErr(std, n); !(math.Abs(mean-floor[position]) <= zMax*se+1e-12) {
				t.Errorf("%s d = %d ρ = %v, T = %d: MSE %.6f ± %.6f, floor %.6f", c.family, c.d, c.rho,
					position+1, mean, se, floor[position])
			}
		}
	}
}

// For a known eigenbasis the posterior mean at T = 1 is E W s_1 = ρ m_1 s_1.
func TestBayesFloorOfAKnownEigenbasis(t *testing.T) {
	const n = 4000
	for _, mu := range []float64{1, 2, 7} {
		p := ar.New(ar.Rotation, 4)
		p.Mu, p.Rho = mu, 0.9
		floor, err := BayesFloor(p, 3)
		if err != nil {
			t.Fatal(err)
		}
		r, a := ar.Rand(1, "eigenbasis", uint64(mu)), 2*math.Pi/mu
		m1 := complex(math.Sin(a)/a, (1-math.Cos(a))/a)
		misses := make([]float64, n)
		for i := range misses {
			for _, lambda := range p.Context(r).Lambda[:1] {
				miss := lambda - complex(p.Rho, 0)*m1
				misses[i] = real(miss)*real(miss) + imag(miss)*imag(miss)
			}
		}
		mean, std := stat.MeanStdDev(misses, nil)
		if se := stat.StdErr(std, n); !(math.Abs(mean-floor[0]) <= zMax*se+1e-12) || floor[1] != 0 ||
			floor[2] != 0 {
			t.Errorf("μ = %v: %.5f ± %.5f at T = 1, floor %.5f", mu, mean, se, floor)
		}
	}
}

func TestBayesFloorMeans(t *testing.T) {
	for d := 1; d <= 6; d++ {
		const n = 50
		haar, err := BayesFloor(ar.New(ar.Haar, d), n)
		if err != nil {
			t.Fatal(err)
		}
		special, err := BayesFloor(ar.New(ar.Special, d), n)
		if err != nil {
			t.Fatal(err)
		}
		mean := float64(d+1) / float64(2*n*d)
		if got := floats.Sum(haar) / n; math.Abs(got-mean) > 1e-15 {
			t.Errorf("haar d = %d: mean %.6f, want (d+1)/(2nd) = %.6f", d, got, mean)
		}
		if got, want := floats.Sum(special)/n, mean-1/float64(n*d*d); math.Abs(got-want) > 1e-15 {
			t.Errorf("so d = %d: mean %.6f, want %.6f", d, got, want)
		}
	}
	noisy := ar.New(ar.Haar, 3)
	noisy.Sigma = 0.1
	for want, c := range map[string]struct {
		p ar.Process
		n int
	}{
		"noise level σ = 0.1: the Bayes floor": {noisy, 3},
		"n = 0 positions":                      {ar.New(ar.Haar, 3), 0},
		"token dimension d = 3 is odd":         {ar.New(ar.Rotation, 3), 3},
	} {
		if _, err := BayesFloor(c.p, c.n); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// r_k, the part of s_{k+1} outside the span of the k tokens before, is
// Beta((d-k)/2, k/2): its first two moments.
func TestUnseenPartIsBeta(t *testing.T) {
	const d, n = 5, 6000
	b := batch(t, ar.New(ar.Haar, d), n, d, "unseen")
	for k := 1; k < d; k++ {
		first, second := make([]float64, n), make([]float64, n)
		for i := range n {
			o := newOrthogonal(d)
			s := states(b, i)
			for t := range k {
				o.learn(s[t*d:(t+1)*d], s[(t+1)*d:(t+2)*d])
			}
			o.coordinates(s[k*d : (k+1)*d])
			first[i] = floats.Dot(o.rest, o.rest)
			second[i] = first[i] * first[i]
		}
		alpha, beta := float64(d-k)/2, float64(k)/2
		for j, want := range []float64{alpha / (alpha + beta), alpha * (alpha +
			1) / ((alpha + beta) * (alpha + beta + 1))} {
			mean, std := stat.MeanStdDev([][]float64{first, second}[j], nil)
			if se := stat.StdErr(std, n); !(math.Abs(mean-want) <= zMax*se) {
				t.Errorf("E r_%d^%d = %.5f ± %.5f, want %.5f", k, j+1, mean, se, want)
			}
		}
	}
}
