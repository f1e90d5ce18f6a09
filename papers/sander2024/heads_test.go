package sander2024

import (
	"math"
	"testing"

	"icar/ar"
)

// What the constructed heads rest on: each coordinate of s_{T+1} is a bilinear
// form of s_2 and s_T, Re(λ λ^{T-1}) and Im(λ λ^{T-1}) of a pair, for T ≥ 2.
func TestRotationIsBilinearInSecondAndLast(t *testing.T) {
	const d, n, T = 6, 50, 12
	sampler, err := ar.NewSampler[float64](ar.New(ar.Rotation, d), n, T, 1, "bilinear")
	if err != nil {
		t.Fatal(err)
	}
	s := sampler.Batch(0)
	targets := s.Targets()
	state := func(i, at int) []float64 {
		return targets[(i*T+at-2)*d:][:d]
	} // s_at, the target of s_{at-1}
	for i := range n {
		for last := 2; last <= T; last++ {
			second, now, next := state(i, 2), state(i, last), state(i, last+1)
			for p := 0; p < d; p += 2 {
				re := (second[p]*now[p] - second[p+1]*now[p+1]) / math.Sqrt2
				im := (second[p]*now[p+1] + second[p+1]*now[p]) / math.Sqrt2
				if math.Abs(re-next[p]) > 1e-12 || math.Abs(im-next[p+1]) > 1e-12 {
					t.Fatalf("sequence %d, T = %d, pair %d: (%v, %v), want (%v, %v)", i, last, p/2,
						re, im, next[p], next[p+1])
				}
			}
		}
	}
}
