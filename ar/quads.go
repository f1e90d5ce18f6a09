package ar

// Shapes: N sequences of n states, d token dimension.

// quad is a number of each of 4 sequences. A state of one sequence depends on
// the one before it through sums of D terms, each of which waits for the last;
// four sequences keep the processor's adders at work.
type quad [4]float64

// quadRollouts fills s (N, n, d) with the states of as many of the first contexts
// as make whole quads, and returns how many.
func quadRollouts[F float32 | float64](p Process, contexts []Context, s []F) int {
	quads := len(contexts) / len(quad{})
	for i := range quads {
		size := len(quad{}) * (len(s) / len(contexts))
		quadStates(p, contexts[i*len(quad{}):][:len(quad{})], s[i*size:(i+1)*size])
	}
	return quads * len(quad{})
}

// quadStates is [realStates] without noise for 4 sequences, the same operations
// in the same order and so the same bits. Sequence l of s (4, n, d) runs under
// contexts[l].
func quadStates[F float32 | float64](p Process, contexts []Context, s []F) {
	d, size := p.D, len(s)/len(quad{})
	w, state, next := make([]quad, d*d), make([]quad, d), make([]quad, d)
	for l, c := range contexts {
		for i, x := range c.W {
			w[i][l] = x
		}
	}
	for i, x := range p.realStart() {
		state[i] = quad{x, x, x, x}
	}
	for at := 0; ; at += d {
		s0, s1, s2, s3 := s[at:at+d], s[size+at:][:d], s[2*size+at:][:d], s[3*size+at:][:d]
		for i, x := range state {
			s0[i], s1[i], s2[i], s3[i] = F(x[0]), F(x[1]), F(x[2]), F(x[3])
		}
		if at+d == size {
			return
		}
		for i := range next {
			quadDot(&next[i], w[i*d:(i+1)*d], state)
		}
		state, next = next, state
	}
}

// quadDot sets sum to Σ_j w_j x_j of each sequence, in the order of j. A quad
// that is returned would be stored in numbers and loaded in pairs, which
// processors wait for.
func quadDot(sum *quad, w, x []quad) {
	var s0, s1, s2, s3 float64
	x = x[:len(w)]
	for j := range w {
		a, b := &w[j], &x[j]
		s0 += float64(a[0] * b[0])
		s1 += float64(a[1] * b[1])
		s2 += float64(a[2] * b[2])
		s3 += float64(a[3] * b[3])
	}
	sum[0], sum[1], sum[2], sum[3] = s0, s1, s2, s3
}
