package nn

// Shapes: N batch, T time, D embed, H heads, E folded input, S monomials, O outputs.

import "icar/nn/kernel"

// pairShape is the sizes of the tensors of pairs, in which a layer of many heads costs
// the same however many they are. The output of linear attention with a product
// position is
//
//	o_i = Σ_{j≤i} Σ_h p_hij U_h x̃_j (x̃_jᵀ M_h x̃_i) = Σ_{j≤i} t_ij(x̃_i, x̃_j x̃_jᵀ)
//	t_ij = Σ_h p_hij r_h, r_h = U_h ⊗ M_h
//
// so all heads of a pair of tokens are one tensor t_ij. It is as small as it can be:
//
//   - x̃_j x̃_jᵀ is symmetric, with E(E+1)/2 monomials in place of E²;
//   - the last of them is 1, and Σ_j p_hij = 1, so its part Σ_h U_h e (eᵀ M_h x̃_i), e the
//     last unit vector, is one linear map for all pairs, kept apart as base. That leaves
//     S = E(E+1)/2 - 1 monomials;
//   - a layer norm does not see what is added to all coordinates of o, so where one
//     follows, the last coordinate is taken from the others: O = D - 1 rows of U_h.
//
// A pair takes 2OES operations forward and as many back for a sequence, and 6OES for each
// head and step to add the heads up and to take the gradient back to them: products of
// matrices of (pairs, H), (H, OES) and (pairs, OES), with nothing of N in them.
//
// It is for the first layer, when nothing before it learns: only then are there no
// gradients with respect to x̃.
type pairShape struct {
	length, heads    int // T, H
	embed            int // D
	e, out, monomial int // E, O, S
	maps             int // O·E
	row              int // of maps with zeros behind, so that S rows are whole entries
	blocks           int // of 16 heads
}

// newPairShape returns the sizes for the first layer of c.
func newPairShape(c Config, length int) pairShape {
	s := pairShape{length: length, heads: c.Heads, embed: c.Embed, e: c.folded(0),
		out: c.Embed}
	if c.postNorm() {
		s.out--
	}
	s.monomial = s.e*(s.e+1)/2 - 1
	s.maps = s.out * s.e
	s.row = s.maps
	for s.monomial*s.row%kernel.Lanes != 0 {
		s.row++
	}
	s.blocks = (c.Heads + kernel.Lanes - 1) / kernel.Lanes
	return s
}

// pairs returns T(T+1)/2.
func (s pairShape) pairs() int { return s.length * (s.length + 1) / 2 }

// pair returns the place of the pair (i, j), j ≤ i.
func pair(i, j int) int { return i*(i+1)/2 + j }

// size returns the numbers of a tensor, those of the zeros included, and entries the
// entries that they are.
func (s pairShape) size() int    { return s.monomial * s.row }
func (s pairShape) entries() int { return s.size() / kernel.Lanes }

// each calls f for every monomial x_b x_c of x̃, b ≤ c, but that which is 1.
func (s pairShape) each(f func(k, b, c int)) {
	k := 0
	for b := range s.e - 1 {
		for c := b; c < s.e; c++ {
			f(k, b, c)
			k++
		}
	}
}

// loopedHeads is the number of heads up to which the engine loops over them: it had no
// other form when runs of the paper's sizes were written down, whose bits stay.
const loopedHeads = 64

// paired returns whether the first layer takes tensors of pairs for a batch of n
// sequences of length tokens: where it has the heads for it and that is fewer operations.
func (c Config) paired(n, length int) bool {
	if c.Heads <= loopedHeads || c.Position != ProductPosition || c.split() ||
		c.Attention != LinearAttention || c.learns(0) {
		return false
	}
	s := newPairShape(c, length)
	t, d, e := float64(length), float64(c.Embed), float64(s.e)
	loops := float64(n) * float64(c.Heads) * c.pairFlops(t, d, e, false)
	return s.out > 0 && float64(n)*s.flops()+s.foldFlops() < loops
}

// flops are the operations of a sequence, forward and back: t_ij and its gradient, then
// for every token the products with x̃_i, and base.
func (s pairShape) flops() float64 {
	t, maps := float64(s.length), float64(s.maps)
	return 4*maps*float64(s.monomial*s.pairs()) + 8*maps*t + float64(s.out)*t
}

// foldFlops are those of a step besides: from heads to tensors and back.
func (s pairShape) foldFlops() float64 {
	return 6 * float64(s.maps*s.monomial) * float64(s.heads) * float64(s.pairs())
}
