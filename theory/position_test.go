package theory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/cmplx"
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
				return quad.Fixed(func(theta float64) float64 { return f(cmplx.Rect(1, float64(k)*theta)) }, 0, 2*math.Pi/mu, 150, nil, 0) * mu / (2 * math.Pi)
			}
			want := complex(part(func(z complex128) float64 { return real(z) }), part(func(z complex128) float64 { return imag(z) }))
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

// The loss of a fixed random encoding, evaluated literally on sequences, lies
// within five standard errors of the population loss: false alarms 6e-7 a row.
func TestPositionLossMatchesMonteCarlo(t *testing.T) {
	const n = 40_000
	for _, p := range problems {
		t.Run(name(p), func(t *testing.T) {
			sampler, err := ar.NewSampler[complex128](p.Process(), n, p.Tmax, 7, "position loss")
			if err != nil {
				t.Fatal(err)
			}
			batch := sampler.Batch(0)
			r := ar.Rand(8, "encoding", 0)
			for i, q := range p.Rows() {
				T := i + 2
				row := make([]float64, T)
				for j := range row {
					row[j] = r.NormFloat64()
				}
				mean, square := 0.0, 0.0
				for m := range n {
					s := batch.States[m*(p.Tmax+1):]
					var prediction complex128
					for u, pu := range row {
						prediction += complex(pu, 0) * s[u] * s[u] * cmplx.Conj(s[T-2])
					}
					e := real((prediction - s[T]) * cmplx.Conj(prediction-s[T]))
					mean += e / n
					square += e * e / n
				}
				sigma := math.Sqrt((square - mean*mean) / n)
				if got := q.Loss(row); math.Abs(got-mean) > 5*sigma {
					t.Errorf("T = %d: population loss %g, measured %g ± %g", T, got, mean, sigma)
				}
			}
		})
	}
}

// All three ways to a row agree where more than one applies.
func TestPositionClosedFormsMatchIsserlis(t *testing.T) {
	for _, p := range problems {
		if p.Rho != 1 || p.Sigma != 0 && p.Noise != ar.CircularNoise {
			continue
		}
		for T := 2; T <= p.Tmax; T++ {
			got, want := p.Row(T), p.matched(T)
			worst := math.Abs(got.Constant - want.Constant)
			for i := range T {
				worst = max(worst, math.Abs(got.B[i]-want.B[i]))
				for j := range T {
					worst = max(worst, math.Abs(got.G.At(i, j)-want.G.At(i, j)))
				}
			}
			if worst > 1e-11 {
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
		p := Position{Tmax: 8, Rho: 1, Mu: rapid.Float64Range(1, 300).Draw(t, "μ"), Noise: ar.CircularNoise, Sigma: rapid.Float64Range(0, 1).Draw(t, "σ")}
		T := rapid.IntRange(2, 8).Draw(t, "T")
		row := rapid.SliceOfN(rapid.Float64Range(-2, 2), T, T).Draw(t, "p")
		q := p.Row(T)
		got := make([]float64, T)
		q.Gradient(got, row)
		want := fd.Gradient(nil, q.Loss, row, &fd.Settings{Formula: fd.Central, Step: 1e-4})
		// A quadratic has no truncation error; rounding is 2⁻⁵² of the loss over the step.
		if d := floats.Distance(got, want, math.Inf(1)); d > 1e-10*(1+math.Abs(q.Loss(row)))+1e-9*floats.Norm(got, 2) {
			t.Fatalf("gradient off by %g", d)
		}
	})
}

// The counts were computed independently for the paper's setting:
// learning rate 0.5, Tmax = 30, mean loss 1e-3.
func TestPositionIterationCounts(t *testing.T) {
	for mu, want := range map[float64]int{50: 886, 100: 766, 200: 661, 300: 473} {
		rows := Position{Tmax: 30, Mu: mu, Rho: 1}.Rows()
		d, err := NewPositionDescent(rows, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		k, err := d.FirstBelow(1e-3, 1_000_000)
		if err != nil || k != want {
			t.Errorf("μ = %g: %d iterations, %v, want %d", mu, k, err, want)
		}
		if before, at := d.Loss(k-1), d.Loss(k); before <= 1e-3 || at > 1e-3 {
			t.Errorf("μ = %g: losses %g, %g do not straddle the target", mu, before, at)
		}
	}
}

func TestPositionClosedFormIsDescent(t *testing.T) {
	for _, p := range problems {
		rows := p.Rows()
		d, err := NewPositionDescent(rows, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []int{0, 1, 2, 137} {
			P, n, err := DescendPosition(context.Background(), rows, 0.05, d.Loss(k)*(1+1e-13), k+1)
			if err != nil || n != k {
				t.Fatalf("%s: descent took %d iterations to the loss of iteration %d: %v", name(p), n, k, err)
			}
			if off := floats.Distance(P, d.At(k), math.Inf(1)); off > 1e-12 {
				t.Errorf("%s: encodings differ by %g at iteration %d", name(p), off, k)
			}
		}
	}
}

func TestPositionErrors(t *testing.T) {
	rows := Position{Tmax: 4, Mu: 50, Rho: 1}.Rows()
	if _, err := NewPositionDescent(rows, 5); err == nil {
		t.Error("a learning rate that diverges was taken")
	}
	if _, err := NewPositionDescent(rows, 0); err == nil {
		t.Error("a learning rate of 0 was taken")
	}
	d, err := NewPositionDescent(Position{Tmax: 4, Mu: 50, Rho: 1, Sigma: 1, Noise: ar.CircularNoise}.Rows(), 1e-3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.FirstBelow(1e-3, 100_000); !errors.Is(err, ErrUnreachable) {
		t.Errorf("under noise no encoding reaches loss 1e-3, got %v", err)
	}
	if _, _, err := DescendPosition(context.Background(), rows, 5, 1e-3, 10_000); err == nil {
		t.Error("divergence was not noticed")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := DescendPosition(cancelled, rows, 0.5, 1e-9, 10_000); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, p := range []Position{{Tmax: 1, Mu: 1, Rho: 1}, {Tmax: 3, Mu: 0, Rho: 1}, {Tmax: 3, Mu: 1, Rho: 2}, {Tmax: 3, Mu: 1, Rho: 1, Sigma: 1, Noise: "pink"}} {
		if p.Check() == nil {
			t.Errorf("%+v was taken", p)
		}
	}
}

func TestFitCosine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(12, 60).Draw(t, "n")
		want := Cosine{Mean: rapid.Float64Range(-1, 1).Draw(t, "mean"), Amplitude: rapid.Float64Range(0.1, 2).Draw(t, "amplitude"),
			Frequency: rapid.Float64Range(0.5, 2.5).Draw(t, "frequency"), Phase: rapid.Float64Range(-3, 3).Draw(t, "phase")}
		got, err := FitCosine(want.Curve(n))
		if err != nil || 1-got.R2 > 1e-12 || math.Abs(got.Frequency-want.Frequency) > 1e-6 || math.Abs(got.Amplitude-want.Amplitude) > 1e-6 {
			t.Fatalf("fitted %+v to %+v: %v", got, want, err)
		}
	})
	if _, err := FitCosine([]float64{2, 2, 2, 2, 2}); !errors.Is(err, ErrNoVariance) {
		t.Errorf("a constant: %v", err)
	}
}
