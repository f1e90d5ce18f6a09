package ar

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestQuadsAreRollouts checks that the sequences of a block are those of
// realStates one after the other, bit by bit, for any number of them.
func TestQuadsAreRollouts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		family := rapid.SampledFrom([]Family{Haar, Special, Rotation}).Draw(t, "family")
		d := 2 * rapid.IntRange(1, 8).Draw(t, "d/2")
		if family != Rotation {
			d -= rapid.IntRange(0, 1).Draw(t, "odd")
		}
		p := New(family, d)
		p.Rho = rapid.Float64Range(0.1, 1).Draw(t, "rho")
		if rapid.Bool().Draw(t, "noisy") {
			p.Sigma = 0.5
		}
		n, length := rapid.IntRange(1, BlockSize).Draw(t, "n"), rapid.IntRange(1, 60).Draw(t, "length")
		seed := rapid.Uint64().Draw(t, "seed")
		checkQuads[float64](t, p, n, length, seed, func(x float64) uint64 { return math.Float64bits(x) })
		checkQuads[float32](t, p, n, length, seed,
			func(x float32) uint64 { return uint64(math.Float32bits(x)) })
	})
}

func checkQuads[F float32 | float64](t *rapid.T, p Process, n, length int, seed uint64,
	bits func(F) uint64) {
	r := Rand(seed, "contexts", 0)
	contexts := make([]Context, n)
	for i := range contexts {
		contexts[i] = p.Context(r)
	}
	size := length * p.D
	got, want := make([]F, n*size), make([]F, n*size)
	rollouts(p, contexts, got, Rand(seed, "noise", 0))
	noise := Rand(seed, "noise", 0)
	for i, c := range contexts {
		realStates(p, c, want[i*size:(i+1)*size], noise)
	}
	if !slices.EqualFunc(got, want, func(a, b F) bool { return bits(a) == bits(b) }) {
		t.Errorf("%d sequences of %d states of %+v differ", n, length, p)
	}
}
