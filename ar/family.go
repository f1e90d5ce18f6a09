// Package ar samples the autoregressive processes of the paper,
// s_{t+1} = W s_t with a fresh hidden context matrix W for every sequence,
// and turns them into the tokens and batches that a Transformer is trained on.
//
// A [Process] is the law: the [Family] of W with its spread, contraction and
// noise. [Process.Context] draws one W, [Rollout] runs it, and a [Sampler]
// lays N sequences out as a [Batch], the same for the same (seed, step). It does
// so for any [Law], of which Process is the first.
package ar

import "fmt"

// Family is a law of context matrices W.
type Family string

const (
	// Unitary is W = diag(e^{iθ_1}, …, e^{iθ_d}) with independent angles
	// θ_j ~ U[0, 2π/μ] and s_1 = 1_d.
	Unitary Family = "unitary"
	// Rotation is d/2 independent conjugate pairs (λ, λ̄), what the paper
	// calls the orthogonal case. Coordinates 2k and 2k+1 form a pair in the
	// eigenbasis, where s_1 = 1_d; in the real form a pair is a 2×2 rotation
	// that starts at (√2, 0).
	Rotation Family = "rotation"
	// Haar is the Haar measure on O(d), s_1 = 1_d/√d.
	Haar Family = "haar"
	// Special is the Haar measure on SO(d), s_1 = 1_d/√d.
	Special Family = "so"
)

// Families lists every family in the order of the paper.
func Families() []Family { return []Family{Unitary, Rotation, Haar, Special} }

// Check returns an error when no process of the family has token dimension d.
func (f Family) Check(d int) error {
	switch f {
	case Unitary, Rotation, Haar, Special:
	default:
		return fmt.Errorf("unknown family %q: use one of %v", f, Families())
	}
	if d < 1 {
		return fmt.Errorf("token dimension d = %d is not positive: use d = 1 or more", d)
	}
	if f == Rotation && d%2 != 0 {
		return fmt.Errorf("token dimension d = %d is odd: the rotation family needs pairs; "+
			"use d = %d", d, d+1)
	}
	return nil
}

// Diagonal reports whether W is diag(λ_1, …, λ_d) in a basis known in advance,
// so that the states can be complex and the diagonal models apply.
func (f Family) Diagonal() bool { return f == Unitary || f == Rotation }

// Real reports whether the process has a form with real states, the only kind
// that a Transformer takes.
func (f Family) Real() bool { return f != Unitary }
