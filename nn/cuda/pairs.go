package cuda

// Shapes: N batch, T time, c width, D embed, H heads, E = c + 1, S monomials.

import (
	"icar/nn"
	"icar/nn/cuda/ptx"
)

// A first layer of many heads costs the same however many they are, if all heads of a
// pair of tokens are made one first. Of linear attention with a product position,
//
//	o_i[d] = Σ_e x̃_i[e] Σ_{j≤i} Σ_f K_ij[f, (d,e)] f_j[f] + Σ_e x̃_i[e] base[(d,e)] + b_o[d]
//	K_ij[f, (d,e)] = Σ_h p_hij B_h[f, (d,e)]
//
// where f_j are the products of two entries of x̃_j, S = E(E+1)/2 - 1 of them: what the
// last, 1, is multiplied by is the same for all j, and Σ_j p_hij = 1, so that is base.
// Of x̃[b] x̃[c] with b < c, B_h[f, (d,e)] = U_h[d,b] M_h[c,e] + U_h[d,c] M_h[b,e], and one
// of both if b = c. See pairs.go of package nn, which does the same on the processor. No
// gradient with respect to x̃ is needed, as nothing before it learns.
//
// The kernels, for T = 50, N = 1024, c = 5 (E = 6, S = 20), D = 10, and what they should
// take on a card of 132 multiprocessors at 1.75 GHz, which is 29.6 T multiply-adds a second at
// most, with 3 TB/s of the memory on the chip and 2 µs for a launch; of outputs it is what an
// H100 took, as docs/gpu.md has for whole steps. Of the two large products that is 17,168
// stages of 836 instructions and 18,144 of 844, of which 768 are multiply-adds, dealt evenly
// to four schedulers of each multiprocessor. Its shared memory is as busy as these: of 5
// pieces of 16 bytes that a warp reads for 96 multiply-adds each takes 4 cycles.
//
//	prepare     f, twice, B and base; P turned   64 heads: 9 MB written              4 µs
//	tensors     K, of P and B                    0.1 G fma; 6 MB written             9 µs
//	outputs     o, of K and f                    1.57 G fma of 1.69; 120 MB read    79 µs
//	ends        norm, readout, loss, back        10 MB read, 13 written              9 µs
//	gradients   dK, of f and g ⊗ x̃               1.57 G fma of 1.78; 24 MB written  83 µs
//	totals      of the slots of dK               24 MB read, 12 written              8 µs
//	slopes      dp and dB, of dK, B and p        0.2 G fma; 13 MB written           11 µs
//	unfold      dM and dU, of dB                 0.3 MB read                         4 µs
//
// Of 512 heads, tensors make 0.8 G multiply-adds, which is 27 µs at most and rather 45, and
// slopes twice as many, 70 µs; the others take what they take. The slots of slopes are added
// up by the launch that does that for all kernels, see reduce, and then it is unfold's turn.
//
// The pairs are in the order of nn's: (0,0), (1,0), (1,1), (2,0), …
type pairs struct {
	heads, d, e int // H, D, E
	monomials   int // S
}

func newPairs(c nn.Config) pairs {
	e := foldedInput(c, 0)
	return pairs{heads: c.Heads, d: c.Embed, e: e, monomials: e*(e+1)/2 - 1}
}

// Rows (d,e) of a token are dealt to threads in strips, some d with all their e, so that
// a thread can add over e. What is left of a strip, and of the last one, is zeros.

// dims is the number of d of a strip: as many as are 12 rows, and one at least.
func (p pairs) dims() int { return max(1, 12/p.e) }

// strip is the number of rows of a strip, which is a multiple of 4.
func (p pairs) strip() int { return padded(p.dims() * p.e) }

// strips is the number of strips of a token.
func (p pairs) strips() int { return (p.d + p.dims() - 1) / p.dims() }

// outs is the number of d of all strips.
func (p pairs) outs() int { return p.strips() * p.dims() }

// rows is the number of rows of a token.
func (p pairs) rows() int { return p.strips() * p.strip() }

// numbers is the number of them in a K_ij (S, rows).
func (p pairs) numbers() int { return p.monomials * p.rows() }

// row is the place of (d, e).
func (p pairs) row(d, e int) int { return d/p.dims()*p.strip() + d%p.dims()*p.e + e }

// monomial is the place of x̃[b] x̃[c], b ≤ c; that of the last is S.
func (p pairs) monomial(b, c int) int { return b*p.e - b*(b-1)/2 + c - b }

// mainTiling is that of the products with f, whose rows are strips.
func (p pairs) mainTiling() tiling { return tiling{rows: p.strip(), cols: 8, down: 8, across: 16} }

// packing is that of p: the heads of a pair lie side by side.
func (p pairs) packing(t int) packing { return packing{p.heads, p.held(), t} }

// held is H padded to whole stages of a product whose k are heads.
func (p pairs) held() int { return up(p.heads, depth) * depth }

// pairsOf is T(T+1)/2.
func pairsOf(t int) int { return t * (t + 1) / 2 }

// up is n/m, rounded up.
func up(n, m int) int { return (n + m - 1) / m }

// places is the number of (j, f), and a stage's rest besides: of which are zeros.
func (p pairs) places(t int) int { return up(t*p.monomials, depth) * depth }

// pieces is the number of pieces of 128 of these.
func (p pairs) pieces(t int) int { return up(t*p.monomials, piece) }

// block is a kernel whose blocks make tiles.
type block struct {
	*ptx.Kernel
	pairs
	stride ptx.U64
	run    ptx.U32
	length ptx.U32 // T
}

// begin begins one: its first parameters are the distance of runs and T.
func (p pairs) begin(name string) block {
	k := ptx.New(name)
	b := block{Kernel: k, pairs: p, stride: k.Distance(), run: k.Block(ptx.Z)}
	b.length = k.Number()
	return b
}

// array is the next parameter, memory of the run.
func (b block) array() ptx.U64 { return b.Stride(b.Pointer(), b.run, b.stride) }

// places is the number of (j, f) in a kernel.
func (b block) places() ptx.U32 {
	n := b.Add(b.Mul(b.length, ptx.Int(b.monomials)), ptx.Int(depth-1))
	return b.And(n, ptx.Int(-depth))
}

// pairsOf is i(i+1)/2 in a kernel.
func (b block) pairsOf(i ptx.U32) ptx.U32 { return b.Shr(b.Mul(i, b.Add(i, next)), 1) }

// pair returns the tokens of pair m: i = ⌊(√(8m+1) - 1)/2⌋. What is rounded to nearest is
// that or one more, as long as 8m is exact in 24 bits, for T below 2,000.
func (b block) pair(m ptx.U32) (i, j ptx.U32) {
	root := b.Root(b.OfInt(b.Add(b.Shl(m, 3), next)))
	const whole = 1 << 23
	v := b.Plus(b.Times(b.Minus(root, one), ptx.Float(0.5)), ptx.Float(whole))
	i = b.And(b.Bits(v), ptx.Int(whole-1))
	i = b.Sub(i, b.Pick(b.Less(m, b.pairsOf(i)), next, ptx.Int(0)))
	return i, b.Sub(m, b.pairsOf(i))
}

// packedRow is the place of a pair among the rows of P, which are heads long.
func (b block) packedRow(i, j ptx.U32) ptx.U32 {
	key := b.Add(firstKey(b.Kernel, b.Shr(i, 2)), j)
	return b.Add(b.Shl(key, 2), b.And(i, ptx.Int(3)))
}

// tile is the address of a piece of a matrix that lies by tiles of width columns: tile,
// row of it, with that many rows a tile.
func (b block) tile(base ptx.U64, tile, rows ptx.U32, width int) ptx.U64 {
	return b.Stride(base, tile, b.Product(rows, ptx.Int(4*width)))
}
