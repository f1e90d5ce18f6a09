package ar

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// The distance to the uniform distribution function, itself given by a grid of
// m points that is within 1/(2m) of it. A sample of n exceeds
// √(ln(2/α)/(2n)) with probability at most α = 1e-5 (Massart 1990).
func TestAnglesAreUniformOnTheirArc(t *testing.T) {
	const n, m = 6000, 50000
	for _, family := range []Family{Unitary, Rotation} {
		for _, mu := range []float64{1, 3, 50} {
			p := New(family, 4)
			p.Mu = mu
			r := Rand(1, "angles", uint64(mu))
			var angles []float64
			for len(angles) < n {
				for j, lambda := range p.Context(r).Lambda {
					theta := cmplx.Phase(lambda)
					if theta < 0 {
						theta += 2 * math.Pi
					}
					if family == Unitary || j%2 == 0 { // λ̄ is not another sample
						angles = append(angles, theta)
					}
				}
			}
			grid := make([]float64, m)
			for i := range grid {
				grid[i] = (float64(i) + 0.5) / m * 2 * math.Pi / mu
			}
			slices.Sort(angles)
			distance := stat.KolmogorovSmirnov(angles, nil, grid, nil)
			critical := math.Sqrt(math.Log(2/1e-5)/(2*n)) + 0.5/m
			if !(distance <= critical) {
				t.Errorf("%s μ = %v: Kolmogorov-Smirnov distance %.4f, want at most %.4f", family, mu,
					distance, critical)
			}
		}
	}
}

// Distinct coordinates of the unitary family and distinct pairs of a rotation
// are independent: E λ_i λ̄_j = 0, of standard error 1/√(2n) per part.
func TestEigenvaluesAreIndependent(t *testing.T) {
	const n = 4000
	for _, family := range []Family{Unitary, Rotation} {
		p, r := New(family, 4), Rand(1, "independence", 0)
		cross := make([]complex128, 2)
		for range n {
			lambda := p.Context(r).Lambda
			cross[0] += lambda[0] * cmplx.Conj(lambda[2]) / n
			cross[1] += lambda[0] * lambda[2] / n
		}
		for _, c := range cross {
			if tolerance := zMax / math.Sqrt(2*n); max(math.Abs(real(c)), math.Abs(imag(c))) > tolerance {
				t.Errorf("%s: mean product of two eigenvalues %.4f, want 0 ± %.4f", family, c, tolerance)
			}
		}
	}
}

func TestRotationsComeInConjugatePairsAndTheRealFormHasTheirSpectrum(t *testing.T) {
	p := New(Rotation, 6)
	p.Rho = 0.75
	r := Rand(1, "spectrum", 0)
	byPhase := func(a, b complex128) int {
		return int(math.Copysign(1, cmplx.Phase(a)-cmplx.Phase(b)))
	}
	for range 20 {
		c := p.Context(r)
		for j := 0; j < p.D; j += 2 {
			if c.Lambda[j+1] != cmplx.Conj(c.Lambda[j]) {
				t.Fatalf("λ_%d = %v is not the conjugate of %v", j+1, c.Lambda[j+1], c.Lambda[j])
			}
		}
		var eig mat.Eigen
		if !eig.Factorize(mat.NewDense(p.D, p.D, c.W), mat.EigenNone) {
			t.Fatal("no eigenvalues")
		}
		got, want := eig.Values(nil), slices.Clone(c.Lambda)
		slices.SortFunc(got, byPhase)
		slices.SortFunc(want, byPhase)
		for j := range got {
			if !(cmplx.Abs(got[j]-want[j]) <= 1e-13) {
				t.Errorf("eigenvalue %v of the real form, want %v", got[j], want[j])
			}
		}
	}
}

func TestContractionScalesTheWholeSpectrum(t *testing.T) {
	for _, family := range Families() {
		p := New(family, 4)
		p.Rho = 0.9
		c := p.Context(Rand(1, "contraction", 0))
		for _, lambda := range c.Lambda {
			if !(math.Abs(cmplx.Abs(lambda)-p.Rho) <= 1e-15) {
				t.Errorf("%s: |λ| = %v, want %v", family, cmplx.Abs(lambda), p.Rho)
			}
		}
		if !family.Real() {
			continue
		}
		w := mat.NewDense(4, 4, c.W)
		var gram mat.Dense
		gram.Mul(w.T(), w)
		identity := mat.NewDiagDense(4, []float64{0.81, 0.81, 0.81, 0.81})
		if !mat.EqualApprox(&gram, identity, 1e-14) {
			t.Errorf("%s: WᵀW is not ρ²I:\n%v", family, mat.Formatted(&gram))
		}
	}
}

func BenchmarkContext(b *testing.B) {
	for _, family := range Families() {
		for _, d := range []int{4, 10} {
			b.Run(fmt.Sprintf("%s-%d", family, d), func(b *testing.B) {
				p, r := New(family, d), Rand(1, "benchmark", 0)
				b.ReportAllocs()
				for b.Loop() {
					p.Context(r)
				}
			})
		}
	}
}

// The price of a generator, against which to weigh the block size.
func BenchmarkRand(b *testing.B) {
	step := uint64(0)
	for b.Loop() {
		Rand(1, "benchmark", step).Uint64()
		step++
	}
}
