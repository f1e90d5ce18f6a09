package nn

// Shapes: T time, D embed, C coords, H heads, M hidden units, E folded input.

// Flops returns the floating-point operations of an Engine's Gradient on n
// sequences of length tokens, additions and multiplications alike: those of
// docs/kernels.md on causal pairs of tokens, with what is computed a second
// time in the backward (queries, and the scores) counted again. An exponential
// counts as expFlops.
//
// It leaves out what does not grow with n (folding, positions, the optimiser),
// the loss and the sums over lanes. What the engine spends on scores that are
// not causal is no use and not counted either.
//
// With P = T(T+1)/2 causal pairs, a layer of H heads with all T² scores takes
//
//	forward   H (2TE² + 4PE + 2TDE) and P for each weight
//	backward  H (4TE² + 6PE + 4TDE) and 2P for each weight,
//	          and H (2TDE + 4PD) if something before it learns
//
// and a layer of prefix sums 2TE² + H (4TE² + 2TDE + 4SE) forward, S being the
// pairs within chunks.
func (c Config) Flops(n, length int) float64 {
	t, d := float64(length), float64(c.Embed)
	total := 3 * 2 * t * float64(c.Coords) * (d + 1) // readout, and back to W and to x
	total -= 2 * t * float64(c.Coords)               // not to its 1
	for l := range c.Depth {
		e := float64(c.folded(l))
		learns := l > 0 || c.Position == AdditivePosition
		if c.quadratic() {
			total += float64(c.Heads) * c.pairFlops(t, d, e, learns)
		} else {
			total += c.prefixFlops(length, d, e, learns)
		}
		total += c.restFlops(t, d)
	}
	return float64(n) * total
}

// Operations of an exponential and its part in a softmax, forward and back; of
// a number of the layer norm, forward and back.
const (
	softmaxFlops, softmaxBackwardFlops = 20, 5
	normFlops, normBackwardFlops       = 6, 10
)

// pairFlops are the operations of a head with all scores.
func (c Config) pairFlops(t, d, e float64, learns bool) float64 {
	pairs := t * (t + 1) / 2
	maps := 3*2*t*d*e + 3*2*t*e*e // U y, v, dU; z twice, dM
	scores := 5 * 2 * e * pairs   // s twice, y, t, a
	if learns {
		maps += 2 * t * (e - 1) * e
		scores += 2 * 2 * (e - 1) * pairs
	}
	if c.Position == ProductPosition {
		scores += 3 * pairs // p a, p t and the gradient of p; weights again for dx
	}
	if c.Attention == SoftmaxAttention {
		scores += (2*softmaxFlops + softmaxBackwardFlops) * pairs
	}
	return maps + scores
}

// prefixFlops are the operations of a layer of prefix sums.
func (c Config) prefixFlops(length int, d, e float64, learns bool) float64 {
	t, full, rest := float64(length), float64(length/chunk), float64(length%chunk)
	inside := full*chunk*(chunk+1)/2 + rest*(rest+1)/2 // causal pairs within chunks
	before := float64(chunks(length)-1) * chunk        // tokens that some chunk follows
	after := t - min(t, chunk)                         // tokens that follow a chunk
	head := 3*2*t*d*e + 3*2*t*e*e + 4*2*e*inside + 2*2*e*e*after
	shared := 2 * e * e * before
	if learns {
		head += 2*t*(e-1)*e + 2*e*inside + 2*2*(e-1)*inside + 2*e*e*t
		shared += 2 * e * (e - 1) * before
	}
	return shared + float64(c.Heads)*head
}

// restFlops are the operations of a layer besides its attention.
func (c Config) restFlops(t, d float64) float64 {
	total := 2 * 2 * t * d // bias of W_o, and back
	if c.Norm {
		total += (normFlops + normBackwardFlops) * t * d
	}
	if m := float64(c.MLP) * d; m > 0 {
		total += 2*2*t*m*(d+1) + 2*2*t*d*(m+1) + 2*2*t*m*d
	}
	return total
}
