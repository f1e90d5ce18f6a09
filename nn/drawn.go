package nn

import "icar/ar"

// Shapes: N batch, T time, D coordinates of a state.

// Drawn is a Feed whose batches are drawn anew for every step, so that a device which knows
// the law can draw them itself.
type Drawn interface {
	Feed
	// Drawing says how the batches are drawn. It is false if they are not drawn anew, or by
	// no law of package ar.
	Drawing() (Drawing, bool)
}

// Drawing is how the batches of a [Drawn] are drawn: that of step k is what an [ar.Sampler] of
// the law, of N sequences, T, the seed and the stream draws at step k, in float32, in the
// tokens of the encoding.
type Drawing struct {
	Law    ar.Process
	Tokens ar.Lagged
	N, T   int
	Seed   uint64
	Stream string
}
