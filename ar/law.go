package ar

import (
	"fmt"
	"math/rand/v2"
)

// Shapes: N ≤ [BlockSize] sequences of n states, d token dimension.

// Law is a law of sequences s_1, s_2, … of real states, which a model is trained
// to continue. [Process] is that of the paper. A law of one's own is one type
// with these methods; [icar/ar/lawtest] says whether it keeps their contract, and
// a train.Catalogue gives it a name in configuration files. If it has a method
//
//	Settings() []setting.Key
//
// its settings are keys of these files too.
type Law interface {
	// Check returns an error that says what to change when the settings are
	// those of no law.
	Check() error
	// Dim returns the number D of coordinates of a state, that of what is
	// observed.
	Dim() int
	// Draw fills states (N, n, d), row-major, with the first n states of N
	// sequences and returns the hidden matrix W of each, (N) with W (d, d), or
	// nil if there are none. It is called after Check has passed.
	//
	// Sequence i depends on r and n alone: not on N, so that a smaller block is
	// the beginning of a larger one, and not on what was drawn before. Draw is
	// called from many goroutines at once.
	Draw(states []float64, n int, r *rand.Rand) []Context
}

var _ Law = Process{}

// Dim returns the token dimension d.
func (p Process) Dim() int { return p.D }

// Draw fills states (N, n, d) with the first n states of N ≤ 16 sequences of a
// family with real states, and returns their contexts.
//
// All 16 contexts are drawn before any noise, even if fewer are asked for. So
// the contexts depend neither on n nor on σ, and two noise levels can be
// compared on the same hidden matrices.
func (p Process) Draw(states []float64, n int, r *rand.Rand) []Context {
	return drawProcess(p, states, n, r)
}

// drawProcess is [Process.Draw] for states of any type that the family has.
func drawProcess[S Scalar](p Process, states []S, n int, r *rand.Rand) []Context {
	contexts := make([]Context, BlockSize)
	for i := range contexts {
		contexts[i] = p.Context(r)
	}
	contexts = contexts[:len(states)/(n*p.D)]
	rollouts(p, contexts, states, r)
	return contexts
}

// drawer returns the Draw of a law for states of type S. It is an error if the
// law has none of that type.
func drawer[S Scalar](law Law) (func(states []S, n int, r *rand.Rand) []Context, error) {
	if p, ok := law.(Process); ok {
		draw := func(states []S, n int, r *rand.Rand) []Context {
			return drawProcess(p, states, n, r)
		}
		return draw, checkForm[S](p.Family)
	}
	var draw any = law.Draw
	switch any(*new(S)).(type) {
	case float32:
		draw = rounded(law)
	case complex128:
		return nil, fmt.Errorf("the law %T has real states: ask for float64 ones", law)
	}
	return draw.(func([]S, int, *rand.Rand) []Context), nil
}

// rounded is the Draw of a law with every state rounded to float32.
func rounded(law Law) func(states []float32, n int, r *rand.Rand) []Context {
	return func(states []float32, n int, r *rand.Rand) []Context {
		wide := make([]float64, len(states))
		contexts := law.Draw(wide, n, r)
		for i, x := range wide {
			states[i] = float32(x)
		}
		return contexts
	}
}
