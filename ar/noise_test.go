package ar

import (
	"fmt"
	"testing"
)

// deviations returns n samples of s_{t,0} - (W^{t-1} s_1)_0 of one context.
func deviations[S Scalar](t *testing.T, p Process, c Context, state, n int) []S {
	t.Helper()
	quiet := p
	quiet.Sigma = 0
	centre := must[S](t, quiet, c, state, "")[(state-1)*p.D]
	r, x := Rand(1, "deviations", 0), make([]S, n)
	for i := range x {
		s, err := Rollout[S](p, c, state, r)
		if err != nil {
			t.Fatal(err)
		}
		x[i] = s[(state-1)*p.D] - centre
	}
	return x
}

// geometric returns Σ_{k<n} x^k.
func geometric(x complex128, n int) complex128 {
	sum, power := complex128(0), complex128(1)
	for range n {
		sum += power
		power *= x
	}
	return sum
}

// The noise in s_t is σ Σ_{k<t-1} W^k ε: each coordinate has variance
// σ² Σ_{k<t-1} ρ^{2k}, which is σ²(t-1) at ρ = 1, in every form. In complex
// form its pseudo-variance E n² is 0 for circular noise and
// σ² Σ_{k<t-1} λ^{2k} for real noise on the unitary family.
func TestNoiseGrowsAsTheory(t *testing.T) {
	const n = 4000
	for _, rho := range []float64{1, 0.8} {
		for _, state := range []int{1, 2, 7} {
			variance := func(sigma float64) float64 {
				return sigma * sigma * real(geometric(complex(rho*rho, 0), state-1))
			}
			for _, family := range []Family{Rotation, Haar, Special} {
				p := New(family, 4)
				p.Rho, p.Sigma = rho, 0.3
				x := deviations[float64](t, p, p.Context(Rand(1, "noise", 0)), state, n)
				name := fmt.Sprintf("%s ρ = %v t = %d: ", family, rho, state)
				checkMean(t, name+"mean", x, 0)
				checkMean(t, name+"variance", square(x), variance(p.Sigma))
			}
			for _, c := range []struct {
				family Family
				noise  Noise
			}{{Unitary, RealNoise}, {Unitary, CircularNoise}, {Rotation, RealNoise}} {
				p := New(c.family, 2)
				p.Rho, p.Sigma, p.Noise = rho, 0.3, c.noise
				context := p.Context(Rand(1, "noise", 0))
				pseudo := complex128(0)
				if c.family == Unitary && c.noise == RealNoise {
					pseudo = complex(p.Sigma*p.Sigma, 0) * geometric(context.Lambda[0]*context.Lambda[0], state-1)
				}
				checkComplexNoise(t, fmt.Sprintf("%s %s ρ = %v t = %d: ", c.family, c.noise, rho, state),
					deviations[complex128](t, p, context, state, n), variance(p.Sigma), pseudo)
			}
		}
	}
}

func checkComplexNoise(t *testing.T, name string, z []complex128, variance float64,
	pseudo complex128) {
	t.Helper()
	squares := [3][]float64{}
	for _, x := range z {
		squares[0] = append(squares[0], real(x)*real(x)+imag(x)*imag(x))
		squares[1] = append(squares[1], real(x*x))
		squares[2] = append(squares[2], imag(x*x))
	}
	checkMean(t, name+"E|n|²", squares[0], variance)
	checkMean(t, name+"Re E n²", squares[1], real(pseudo))
	checkMean(t, name+"Im E n²", squares[2], imag(pseudo))
}
