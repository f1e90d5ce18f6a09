package cuda

// Shapes: T time, D embed, c width, H heads, E folded input, M hidden units, F folded weights.

import (
	"icar/nn"
	"icar/nn/cuda/ptx"
)

// The heads of FullHeads need no queries, keys and values. With x̃ = [x; 1], W̃ = [W b],
//
//	M_h = W̃_kᵀ W̃_q/√D  (E, E)   s_ij = x̃_jᵀ M_h x̃_i
//	U_h = W_o W̃_v       (D, E)   o_i = Σ_h U_h Σ_j a_ij p_ij x̃_j + b_o
//
// and in a first layer, where a token is repeated D/c times, equal coordinates are one:
// columns of W̃ add up, and E is c + 1 in place of D + 1. See fold.go of package nn.
//
// The weights in this form are F numbers in one span, and so is their gradient. Rows
// are padded to a multiple of 4 numbers, so that threads load 16 bytes at a time: what
// stands in the padding is 0, and its gradient means nothing.

// folded is where they lie: places are numbers from the beginning of the span.
type folded struct {
	layers  []foldedLayer
	pos     int // (T, D) of additive positions
	out     int // (c, D+1) rows [W b]
	numbers int // F
}

// foldedLayer is where those of a layer lie. What a model has not lies nowhere, at 0.
type foldedLayer struct {
	e           int // E
	m           int // (H, E, E), M_h[n][m]: n of the key, m of the query
	u           int // (H, E, D), U_h transposed
	o           int // (D) bias
	gamma, beta int // (D)
	up          int // (M, D+1) rows [W b]
	down        int // (M, D), transposed
	downBias    int // (D)
}

// padded is n rounded up to a multiple of 4, the distance of rows of n numbers.
func padded(n int) int { return (n + 3) &^ 3 }

// newFolded lays out the weights of a model for sequences of length t.
func newFolded(c nn.Config, t int) folded {
	var f folded
	place := func(present bool, rows, cols int) int {
		if !present {
			return 0
		}
		at := f.numbers
		f.numbers += rows * padded(cols)
		return at
	}
	d, hidden := c.Embed, c.MLP*c.Embed
	for l := range c.Depth {
		y := foldedLayer{e: foldedInput(c, l)}
		y.m = place(true, c.Heads*y.e, y.e)
		y.u = place(true, c.Heads*y.e, d)
		y.o = place(true, 1, d)
		y.gamma, y.beta = place(c.Norm, 1, d), place(c.Norm, 1, d)
		y.up = place(c.MLP > 0, hidden, d+1)
		y.down, y.downBias = place(c.MLP > 0, hidden, d), place(c.MLP > 0, 1, d)
		f.layers = append(f.layers, y)
	}
	f.pos = place(c.Position == nn.AdditivePosition, t, d)
	f.out = place(true, c.Width, d+1)
	return f
}

// layer is where the weights of layer l lie.
func (f folded) layer(l int) foldedLayer { return f.layers[l] }

// foldedInput is E of a layer.
func foldedInput(c nn.Config, l int) int {
	if l == 0 && c.Position != nn.AdditivePosition {
		return c.Width + 1
	}
	return c.Embed + 1
}

// packing is where the p_hij of a product position lie, and their gradients: those of
// together heads side by side, of 4 tokens i, of keys j, of tiles of tokens, of groups
// of heads. Tile k has keys 0 to 4k+3, so it begins with key 2k(k+1) of its group. Where
// j > i, or there is no such token or head, stands 0.
type packing struct{ heads, together, length int }

// newPacking packs heads by the largest power of two that is at most 8 and H.
func newPacking(heads, length int) packing {
	p := packing{heads, 8, length}
	for p.together > heads {
		p.together /= 2
	}
	return p
}

// groups is the number of groups of heads.
func (p packing) groups() int { return (p.heads + p.together - 1) / p.together }

// tiles is the number K of tiles of 4 tokens.
func (p packing) tiles() int { return (p.length + 3) / 4 }

// keys is the number of keys of all tiles of a group.
func (p packing) keys() int { return 2 * p.tiles() * (p.tiles() + 1) }

// number is the number of them all.
func (p packing) number() int { return p.groups() * p.keys() * 4 * p.together }

// index is the place of p_hij.
func (p packing) index(h, i, j int) int {
	k := i / 4
	key := h/p.together*p.keys() + 2*k*(k+1) + j
	return (key*4+i%4)*p.together + h%p.together
}

// firstKey is the place of tile k's first key among those of its group, 2k(k+1), in a kernel.
func firstKey(f *ptx.Kernel, k ptx.U32) ptx.U32 { return f.Shl(f.Mul(k, f.Add(k, next)), 1) }

// at is index in a kernel.
func (p packing) at(f *ptx.Kernel, h, i, j ptx.U32) ptx.U32 {
	k, together := f.Shr(i, 2), ptx.Int(p.together)
	key := f.Add(f.Mul(f.Div(h, together), ptx.Int(p.keys())), j)
	key = f.Add(key, firstKey(f, k))
	row := f.Add(f.Shl(key, 2), f.And(i, ptx.Int(3)))
	return f.Add(f.Mul(row, together), f.Rem(h, together))
}
