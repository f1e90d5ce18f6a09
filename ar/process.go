package ar

import (
	"fmt"
	"math"
)

// Noise is the law of ε in s_{t+1} = W s_t + σ ε. Every coordinate is
// Gaussian with E ε_i = 0 and E|ε_i|² = 1, independent over time.
type Noise string

const (
	// RealNoise has real independent ε_i ~ N(0, 1). On the complex states of
	// the unitary family it is not circular: E ε_i² = 1. For rotations it is
	// white in the real form, so in the eigenbasis a pair receives (ε, ε̄)
	// with ε circular.
	RealNoise Noise = "real"
	// CircularNoise has independent ε_i = (g + ig')/√2, g, g' ~ N(0, 1), so
	// that E|ε_i|² = 1 and E ε_i² = 0. It needs the independent complex
	// coordinates of the unitary family.
	CircularNoise Noise = "circular"
)

// Process is a law of sequences s_1, s_2, …: s_{t+1} = W s_t + σ ε_t, where W
// is ρ times a matrix of the family, drawn once a sequence.
type Process struct {
	Family Family `json:"family"`
	// D is the token dimension d.
	D int `json:"d"`
	// Mu is the context spread μ ≥ 1: angles are U[0, 2π/μ]. 1 is the whole
	// circle, and the only value for families without angles of their own.
	Mu float64 `json:"mu"`
	// Rho is the contraction ρ, 0 < ρ ≤ 1, the modulus of every eigenvalue.
	Rho float64 `json:"rho"`
	// Sigma is the noise level σ ≥ 0, the root mean square of the noise on
	// one coordinate. Compare it with the state's: 1 for the unitary and
	// rotation families, 1/√d for Haar and SO(d), where |s_1| = 1.
	Sigma float64 `json:"sigma"`
	Noise Noise   `json:"noise"`
}

// New returns the process of the paper for a family and a token dimension:
// μ = 1, ρ = 1, σ = 0. Should σ be raised, the noise is the isotropic one of
// the states' field: circular for the unitary family, else real.
func New(family Family, d int) Process {
	noise := RealNoise
	if family == Unitary {
		noise = CircularNoise
	}
	return Process{Family: family, D: d, Mu: 1, Rho: 1, Noise: noise}
}

// Check returns an error that says what to change when p is not a process.
func (p Process) Check() error {
	if err := p.Family.Check(p.D); err != nil {
		return err
	}
	if err := p.checkSpread(); err != nil {
		return err
	}
	if !(p.Rho > 0 && p.Rho <= 1) { // so written, NaN fails
		return fmt.Errorf("contraction ρ = %v is not in (0, 1]: use ρ = 1 for none", p.Rho)
	}
	return p.checkNoise()
}

func (p Process) checkSpread() error {
	switch {
	case math.IsNaN(p.Mu) || math.IsInf(p.Mu, 0):
		return fmt.Errorf("context spread μ = %v is not finite: use μ = 1 for the whole circle",
			p.Mu)
	case p.Mu <= 0:
		return fmt.Errorf("context spread μ = %v is not positive: use μ = 1 for the whole circle",
			p.Mu)
	case p.Mu < 1:
		// Past 2π some angles would be met twice as often as others.
		return fmt.Errorf("context spread μ = %v is below 1: "+
			"the angles U[0, 2π/μ] would overlap; use μ = 1 for the whole circle", p.Mu)
	case p.Mu != 1 && !p.Family.Diagonal():
		return fmt.Errorf("context spread μ = %v: the %s family has no angles to spread; "+
			"use μ = 1, or the unitary or rotation family", p.Mu, p.Family)
	}
	return nil
}

func (p Process) checkNoise() error {
	switch {
	case math.IsNaN(p.Sigma) || math.IsInf(p.Sigma, 0):
		return fmt.Errorf("noise level σ = %v is not finite: use σ = 0 for none", p.Sigma)
	case p.Sigma < 0:
		return fmt.Errorf("noise level σ = %v is negative: use σ = 0 for none", p.Sigma)
	case p.Noise != RealNoise && p.Noise != CircularNoise:
		return fmt.Errorf("unknown noise %q: use %q or %q", p.Noise, RealNoise, CircularNoise)
	case p.Noise == CircularNoise && p.Family == Rotation:
		return fmt.Errorf("noise %q would break the conjugate pairs of the rotation family: "+
			"use %q, which is circular on each of its eigenvectors", p.Noise, RealNoise)
	case p.Noise == CircularNoise && p.Family != Unitary:
		return fmt.Errorf("noise %q is complex and the %s family has real states: use %q",
			p.Noise, p.Family, RealNoise)
	}
	return nil
}
