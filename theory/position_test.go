package theory

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/integrate/quad"
	"pgregory.net/rapid"

	"icar/ar"
)

func TestPositionMomentsAreIntegrals(t *testing.T) {
	for _, mu := range []float64{1, 1.5, 2, 3, 50, 300} {
		for k := -60; k <= 60; k++ {
			part := func(f func(complex128) float64) float64 {
				return quad.Fixed(func(theta float64) float64 { return f(cmplx.Rect(1, float64(k)*theta)) },
					0, 2*math.Pi/mu, 150, nil, 0) * mu / (2 * math.Pi)
			}
			want := complex(part(func(z complex128) float64 { return real(z) }),
				part(func(z complex128) float64 { return imag(z) }))
			if got := moment(mu, k); cmplx.Abs(got-want) > 1e-13 {
				t.Fatalf("μ = %g, k = %d: moment %v, integral %v", mu, k, got, want)
			}
		}
	}
}

// problems covers every branch of Position.Row.
var problems = []Position{
	{Tmax: 6, Mu: 1, Rho: 1},
	{Tmax: 6, Mu: 3.7, Rho: 1},
	{Tmax: 6, Mu: 5, Rho: 0.9},
	{Tmax: 6, Mu: 4, Rho: 1, Sigma: 0.3, Noise: ar.CircularNoise},
	{Tmax: 6, Mu: 4, Rho: 0.8, Sigma: 0.3, Noise: ar.CircularNoise},
	{Tmax: 6, Mu: 4, Rho: 1, Sigma: 0.3, Noise: ar.RealNoise},
	{Tmax: 5, Mu: 1, Rho: 0.9, Sigma: 0.5, Noise: ar.RealNoise},
}

func name(p Position) string {
	return fmt.Sprintf("μ=%g ρ=%g σ=%g %s", p.Mu, p.Rho, p.Sigma, p.Noise)
}

// literal is the mean loss of a row p_1..p_T on the sequences of a batch and
// its standard error, by evaluating the model on each.
func literal(batch ar.Batch[complex128], row []float64) (mean, standardError float64) {
	T, n := len(row), float64(batch.N)
	square := 0.0
	for m := range batch.N {
		s := batch.States[m*(batch.T+1):][:batch.T+1] // s[t-1] is s_t
		var prediction complex128
		for t, p := range row {
			prediction += complex(p, 0) * s[t] * s[t] * cmplx.Conj(s[T-2])
		}
		e := real((prediction - s[T]) * cmplx.Conj(prediction-s[T]))
		mean += e / n
		square += e * e / n
	}
	return mean, math.Sqrt((square - mean*mean) / n)
}

func drawPositions(t *testing.T, p Position, n int) ar.Batch[complex128] {
	t.Helper()
	sampler, err := ar.NewSampler[complex128](p.Process(), n, p.Tmax, 7, "position loss")
	if err != nil {
		t.Fatal(err)
	}
	return sampler.Batch(0)
}

func randomRow(r *rand.Rand, T int) []float64 {
	row := make([]float64, T)
	for j := range row {
		row[j] = r.NormFloat64()
	}
	return row
}

// The loss of a fixed random encoding, evaluated literally on sequences, lies
// within five standard errors of the population loss: false alarms 6e-7 a row.
func TestPositionLossMatchesMonteCarlo(t *testing.T) {
	for _, p := range problems {
		t.Run(name(p), func(t *testing.T) {
			batch, r := drawPositions(t, p, 40_000), ar.Rand(8, "encoding", 0)
			for _, q := range p.Rows() {
				row := randomRow(r, len(q.B))
				mean, sigma := literal(batch, row)
				if got := q.Loss(row); math.Abs(got-mean) > 5*sigma {
					t.Errorf("T = %d: population loss %g, measured %g ± %g", len(row), got, mean, sigma)
				}
			}
		})
	}
}

// The empirical loss is the literal one to rounding: sums of N·T² terms.
func TestSamplePositionIsTheLossOnItsSequences(t *testing.T) {
	for _, p := range problems {
		batch, r := drawPositions(t, p, 50), ar.Rand(8, "encoding", 1)
		rows := SamplePosition(batch)
		if len(rows) != p.Tmax-1 {
			t.Fatalf("%s: %d rows, want T = 2..%d", name(p), len(rows), p.Tmax)
		}
		for i, q := range rows {
			row := randomRow(r, i+2)
			want, _ := literal(batch, row)
			if got := q.Loss(row); math.Abs(got-want) > 1e-12*(1+want) {
				t.Errorf("%s, T = %d: empirical loss %g, literal %g", name(p), i+2, got, want)
			}
		}
	}
}

// outcome is a value of ε with its weight in a cubature.
type outcome struct {
	value  complex128
	weight float64
}

// noiseCubature has the moments of ε up to degree seven: four nodes of Gauss
// and Hermite in each real direction.
func (p Position) noiseCubature() []outcome {
	if p.Sigma == 0 {
		return []outcome{{0, 1}}
	}
	x, w := make([]float64, 4), make([]float64, 4) // for e^{-x²}: variance 1/2
	quad.Hermite{}.FixedLocations(x, w, math.Inf(-1), math.Inf(1))
	var law []outcome
	for i := range x {
		if p.Noise == ar.RealNoise {
			law = append(law, outcome{complex(math.Sqrt2*x[i], 0), w[i] / math.Sqrt(math.Pi)})
			continue
		}
		for j := range x {
			law = append(law, outcome{complex(x[i], x[j]), w[i] * w[j] / math.Pi})
		}
	}
	return law
}

// cubature is row T from the recursion s_{t+1} = ρ e^{iθ} s_t + σ ε alone,
// exact to rounding: G has degree six in the noise, and a path turns by at most
// e^{i(3T-4)θ}, where for T ≤ 4 sixty nodes do.
func (p Position) cubature(T int) Quadratic {
	thetas, weights := make([]float64, 60), make([]float64, 60)
	quad.Legendre{}.FixedLocations(thetas, weights, 0, 2*math.Pi/p.Mu)
	q, law := newQuadratic(T, 0), p.noiseCubature()
	s, f := make([]complex128, T+1), make([]complex128, T)
	var follow func(t int, turn complex128, weight float64)
	follow = func(t int, turn complex128, weight float64) {
		if t < len(s) {
			for _, e := range law {
				s[t] = turn*s[t-1] + complex(p.Sigma, 0)*e.value
				follow(t+1, turn, weight*e.weight)
			}
			return
		}
		q.Constant += weight * real(s[T]*cmplx.Conj(s[T]))
		for t := range T {
			f[t] = s[t] * s[t] * cmplx.Conj(s[T-2])
			q.B[t] += weight * real(f[t]*cmplx.Conj(s[T]))
			for u := range t + 1 {
				q.G.SetSym(t, u, q.G.At(t, u)+weight*real(f[t]*cmplx.Conj(f[u])))
			}
		}
	}
	s[0] = 1
	for i, theta := range thetas {
		follow(1, cmplx.Rect(p.Rho, theta), weights[i]*p.Mu/(2*math.Pi))
	}
	return q
}

// apart is the largest difference between two losses in any coefficient.
func apart(a, b Quadratic) float64 {
	worst := max(math.Abs(a.Constant-b.Constant), floats.Distance(a.B, b.B, math.Inf(1)))
	for i := range a.B {
		for j := range a.B {
			worst = max(worst, math.Abs(a.G.At(i, j)-b.G.At(i, j)))
		}
	}
	return worst
}

// Every coefficient of every branch against the recursion itself.
func TestPositionLossMatchesCubature(t *testing.T) {
	for _, p := range problems {
		last := 4
		if p.Sigma != 0 && p.Noise == ar.CircularNoise {
			last = 3 // two directions a step: 16^T paths
		}
		for T := 2; T <= last; T++ {
			if worst := apart(p.Row(T), p.cubature(T)); worst > 1e-12 {
				t.Errorf("%s, T = %d: a coefficient is off by %g", name(p), T, worst)
			}
		}
	}
}

// All three ways to a row agree where more than one applies.
func TestPositionClosedFormsMatchIsserlis(t *testing.T) {
	for _, p := range problems {
		if p.Rho != 1 || p.Sigma != 0 && p.Noise != ar.CircularNoise {
			continue
		}
		for T := 2; T <= p.Tmax; T++ {
			if worst := apart(p.Row(T), p.matched(T)); worst > 1e-11 {
				t.Errorf("%s, T = %d: closed form and Isserlis differ by %g", name(p), T, worst)
			}
		}
	}
}

// Only even moments enter, so half the circle is as good as all of it.
func TestPositionHalfCircleEqualsWholeCircle(t *testing.T) {
	whole, half := Position{Tmax: 12, Mu: 1, Rho: 1}, Position{Tmax: 12, Mu: 2, Rho: 1}
	for T := 2; T <= 12; T++ {
		a, b := whole.Row(T), half.Row(T)
		for i := range T {
			if math.Abs(a.B[i]-b.B[i]) > 1e-14 || math.Abs(a.G.At(i, 0)-b.G.At(i, 0)) > 1e-14 {
				t.Fatalf("T = %d: μ = 1 and μ = 2 differ", T)
			}
		}
	}
}

func TestPositionGradientMatchesDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Position{Tmax: 8, Rho: 1, Mu: rapid.Float64Range(1, 300).Draw(t, "μ"),
			Noise: ar.CircularNoise, Sigma: rapid.Float64Range(0, 1).Draw(t, "σ")}
		T := rapid.IntRange(2, 8).Draw(t, "T")
		row := rapid.SliceOfN(rapid.Float64Range(-2, 2), T, T).Draw(t, "p")
		q := p.Row(T)
		got := make([]float64, T)
		q.Gradient(got, row)
		want := fd.Gradient(nil, q.Loss, row, &fd.Settings{Formula: fd.Central, Step: 1e-4})
		// A quadratic has no truncation error; rounding is 2⁻⁵² of the loss over the step.
		if d := floats.Distance(got, want, math.Inf(1)); d > 1e-10*(1+math.Abs(q.Loss(row)))+
			1e-9*floats.Norm(got, 2) {
			t.Fatalf("gradient off by %g", d)
		}
	})
}
