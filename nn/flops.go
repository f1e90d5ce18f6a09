package nn

// Shapes: T time, D embed, C coords, H heads, M hidden units, E folded input.

// Flops returns the floating-point operations of an Engine's Gradient on n
// sequences of length tokens, additions and multiplications alike: those of
// docs/kernels.md on causal pairs of tokens, with what is computed a second
// time in the backward (queries and scores) counted again. A softmax counts 20
// operations a score, its backward 7, a GELU 50 and 54 a number.
//
// It leaves out what does not grow with n (folding, positions, the optimiser), but for
// the tensors of pairs that heads are added up to (see pairShape), the loss and the sums
// over lanes. What the engine spends on scores that are
// not causal is no use and not counted either.
//
// With P = T(T+1)/2 causal pairs, the attention of a layer of H heads with all
// scores takes H (6TE² + 6TDE + 10PE) and a few operations more for every weight,
// and H (2TE² + 4PE) if something before it learns. A layer of prefix sums takes
// H (6TE² + 4TE² + 6TDE + 8SE) and 2TE² for all heads, S being the causal pairs
// within chunks and the first chunk sparing the middle term. The heads of MultiHead
// take 18TD² + 14PD, and 6TD² if something before it learns.
func (c Config) Flops(n, length int) float64 {
	t, d := float64(length), float64(c.Embed)
	total := 3 * 2 * t * float64(c.Coords) * (d + 1) // readout, and back to W and to x
	total -= 2 * t * float64(c.Coords)               // not to its 1
	once := 0.0
	for l := range c.Depth {
		e := float64(c.folded(l))
		learns := c.learns(l)
		switch {
		case l == 0 && c.paired(n, length):
			s := newPairShape(c, length)
			total += s.flops()
			once = s.foldFlops()
		case c.split():
			total += c.splitFlops(t, d, learns)
		case c.quadratic(length):
			total += float64(c.Heads) * c.pairFlops(t, d, e, learns)
		default:
			total += c.prefixFlops(length, d, e, learns)
		}
		total += c.restFlops(t, d)
	}
	if c.FinalNorm {
		total += (normFlops + normBackwardFlops) * t * d
	}
	return float64(n)*total + once
}

// Operations of a score in a softmax with its exponential, forward and with
// weights back, and of a number of the layer norm and of the GELU, forward and back.
const (
	softmaxFlops, softmaxBackwardFlops = 20, 7
	normFlops, normBackwardFlops       = 6, 10
	geluFlops, geluBackwardFlops       = 50, 54
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
		scores += pairs
	}
	switch {
	case c.Attention == SoftmaxAttention:
		scores += (2*softmaxFlops + softmaxBackwardFlops) * pairs
	case learns:
		scores += 3 * pairs // p s, p t, s t
	default:
		scores += 2 * pairs // p t, s t
	}
	return maps + scores
}

// splitFlops are the operations of the heads of MultiHead.
func (c Config) splitFlops(t, d float64, learns bool) float64 {
	pairs := t * (t + 1) / 2
	total := 3*2*2*t*d*(d+1) + 3*2*t*d*d // W_q, W_k, W_v with their gradients, W_o and back
	total += 7 * 2 * d * pairs           // s twice, z, t, dq, dk, dv
	if learns {
		total += 3 * 2 * t * d * d
	}
	if c.Attention == SoftmaxAttention {
		total += float64(c.Heads) * (2*softmaxFlops + softmaxBackwardFlops) * pairs
	}
	return total
}

// prefixFlops are the operations of a layer of prefix sums.
func (c Config) prefixFlops(length int, d, e float64, learns bool) float64 {
	t, full, rest := float64(length), float64(length/chunkSize), float64(length%chunkSize)
	inside := full*chunkSize*(chunkSize+1)/2 + rest*(rest+1)/2 // causal pairs within chunks
	before := float64(chunkCount(length)-1) * chunkSize        // tokens that some chunk follows
	after := t - min(t, chunkSize)                             // tokens that follow a chunk
	head := 3*2*t*d*e + 3*2*t*e*e + 4*2*e*inside + 2*2*e*e*after
	shared := 2 * e * e * before
	if learns {
		head += 2*t*(e-1)*e + 2*e*inside + 2*2*(e-1)*inside + 2*e*e*t
		shared += 2*e*(e-1)*before + 2*e*e*float64(chunkCount(length)-1)
	}
	return shared + float64(c.Heads)*head
}

// restFlops are the operations of a layer besides its attention.
func (c Config) restFlops(t, d float64) float64 {
	total := 2 * 2 * t * d // bias of W_o, and back
	if c.Residual {
		total += t * d
	}
	if c.Norm {
		total += (normFlops + normBackwardFlops) * t * d
	}
	if c.PreNorm && c.Residual {
		total += t * d
	}
	if c.MLPNorm {
		total += (normFlops + normBackwardFlops + 1) * t * d
	}
	if m := float64(c.MLP) * d; c.Activation == GELU {
		total += (geluFlops + geluBackwardFlops) * t * m
	}
	if m := float64(c.MLP) * d; m > 0 {
		total += 2*2*t*m*(d+1) + 2*2*t*d*(m+1) + 2*2*t*m*d
	}
	return total
}
