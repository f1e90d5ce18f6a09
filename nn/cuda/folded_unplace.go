package cuda

// Shapes: T time, D embed, L layers, H heads; pos (T, D), q, k (L, H, T, D), p
// (L, H, T, T), dp packed, parts (2LH, T, D).

import (
	"icar/nn/cuda/ptx"
)

// The way back through the positions of a head is that of its softmax,
//
//	ds_ij = p_ij (dp_ij - Σ_j p_ij dp_ij)/√D
//	dq_i = Σ_j ds_ij k_j, dk_j = Σ_i ds_ij q_i, dW̃_q = Σ_i dq_i [pos_i; 1]ᵀ
//	dpos_i = W_qᵀ dq_i + W_kᵀ dk_i, summed over heads and layers
//
// and a block makes either side, with ds in shared memory: that of keys transposed, so that
// both are sums along its rows. Their parts of dpos are added up by the launch after it.

// unplacedArrays is what the way back needs.
type unplacedArrays struct{ plain, q, k, dp, parts ptx.U64 }

func (b *blocks) unplacedArrays() unplacedArrays {
	return unplacedArrays{b.array(), b.array(), b.array(), b.array(), b.array()}
}

// unplaced is one side of a head on its way back. All rows of tokens are padded(T), so that
// sums run over four at a time: what is behind the last token is 0.
type unplaced struct {
	ds, other, pos, own, back ptx.U32 // in shared memory
	slot                      ptx.U32 // of parts
	side                      side
}

// backLoads is the number of rounds of keys whose p and dp a warp loads before it waits: fewer
// where many blocks are to have their registers side by side.
func (o foldedKernels) backLoads() int {
	if crowded(count(o.unfoldSections(nil))) {
		return 12
	}
	return 16
}

// tokens is the number of rows.
func (f *unfolding) tokens() int { return padded(f.t) }

// dsRow is the numbers from a row of ds to the next: an odd multiple of 4 keeps rows that
// are read side by side in different banks.
func (f *unfolding) dsRow() int { return 4 * (f.tokens()/4 | 1) }

// unplace puts all that is needed into shared memory.
func (f *unfolding) unplace(d band, s side, layer, h ptx.U32) unplaced {
	embed, row := f.config.Embed, padded(f.config.Embed)
	head := f.head(f.blocks, d, layer, h)
	own, _ := s.names()
	others := f.placed.k
	if s == keySide {
		others = f.placed.q
	}
	p := unplaced{side: s, ds: f.room(4 * f.tokens() * f.dsRow()),
		other: f.room(4 * f.tokens() * row), back: f.room(4 * f.tokens() * row),
		slot: f.along(ptx.Int(int(s)), head, 2)}
	p.pos = f.positionVectors(f.blocks, f.theta, f.tokens(), padded(embed+1))
	p.own = f.rows(f.blocks, f.theta, d, own, layer, h, padded(embed+1))
	fill(f.blocks, f.tokens()*row/4, func(i ptx.U32) (v [4]ptx.F32) {
		inside := f.Less(i, ptx.Int(f.t*row/4))
		at := f.Min(i, ptx.Int(f.t*row/4-1))
		for n, x := range f.Load4(f.At(others, f.along(at, head, f.t*row/4), 16), 0) {
			v[n] = f.Choose(inside, x, zero)
		}
		return v
	}, func(i ptx.U32, v [4]ptx.F32) { f.StoreShared4(f.along(p.other, i, 16), 0, v) })
	const warps = foldThreads / 32
	rounds := (f.tokens() + 31) / 32
	rows := (f.tokens() + warps - 1) / warps
	together := max(1, f.backLoads()/rounds)
	together = up(rows, up(rows, together)) // as even as they can be
	for first := 0; first < rows; first += together {
		var tokens []ptx.U32
		for r := first; r < min(rows, first+together); r++ {
			tokens = append(tokens, f.Add(f.warp, ptx.Int(warps*r)))
		}
		f.softmaxBack(d, layer, h, head, p, tokens, rounds)
	}
	return p
}

// softmaxBack makes ds of some tokens. A lane has keys j = lane, lane + 32, …
func (f *unfolding) softmaxBack(d band, layer, h, head ptx.U32, to unplaced, tokens []ptx.U32,
	rounds int) {
	packed := f.along(ptx.Int(0), f.Add(layer, ptx.Int(d.first)), f.packing.number())
	p, dp := make([][]ptx.F32, len(tokens)), make([][]ptx.F32, len(tokens))
	for r, token := range tokens {
		i := f.Min(token, ptx.Int(f.t-1))
		plain := f.along(ptx.Int(0), f.along(i, head, f.t), f.t)
		for c := range rounds {
			lane := f.Add(f.lane, ptx.Int(32*c))
			j := f.Min(lane, i)
			seen := f.Both(f.AtLeast(token, lane), f.Less(token, ptx.Int(f.t)))
			at := f.Add(packed, f.packing.at(f.Kernel, h, i, j))
			p[r] = append(p[r], f.Choose(seen,
				f.Load(f.At(f.placed.plain, f.Add(plain, j), 4), 0), zero))
			dp[r] = append(dp[r], f.Choose(seen, f.Load(f.At(f.placed.dp, at, 4), 0), zero))
		}
	}
	row, col := 4*f.dsRow(), 4
	if to.side == keySide {
		row, col = col, row
	}
	for r, token := range tokens {
		mean := allLanes(f.Kernel, dot(f.Kernel, p[r], dp[r]))
		for c := range rounds {
			j := f.Add(f.lane, ptx.Int(32*c))
			ds := f.Times(f.Times(p[r][c], f.Minus(dp[r][c], mean)), attentionScale(f.config.Embed))
			inside := f.Both(f.Less(token, ptx.Int(f.tokens())), f.Less(j, ptx.Int(f.tokens())))
			f.If(inside, func() { f.StoreShared(f.cell(to.ds, token, row, j, col), 0, ds) })
		}
	}
}

// vectors makes dq or dk: a thread has 4 numbers of a token.
func (p unplaced) vectors(f *unfolding) {
	row := padded(f.config.Embed)
	f.each(f.tokens()*row/4, func(n ptx.U32) {
		t, c := f.split(n, row/4)
		sums := zeros(f.Kernel, 4)
		from, to := ptx.Int(0), f.Add(f.Shr(t, 2), next)
		if p.side == keySide {
			from, to = f.Shr(t, 2), ptx.Int(f.tokens()/4)
		}
		f.For(from, to, next, func(four ptx.U32) {
			weights := f.LoadShared4(f.cell(p.ds, t, 4*f.dsRow(), four, 16), 0)
			other := f.cell(p.other, four, 16*row, c, 16)
			for i, w := range weights {
				vector := f.LoadShared4(other, 4*row*i)
				addTo(f.Kernel, sums, w, vector[:])
			}
		})
		f.StoreShared4(f.along(p.back, n, 16), 0, [4]ptx.F32(sums))
	})
}

// weight is the sum of row o, column i of [W b].
func (p unplaced) weight(f *unfolding, o, i ptx.U32) ptx.F32 {
	embed := f.config.Embed
	sum := f.Copy(zero)
	f.For(ptx.Int(0), ptx.Int(f.tokens()), ptx.Int(4), func(t ptx.U32) {
		back := f.cell(p.back, t, 4*padded(embed), o, 4)
		pos := f.cell(p.pos, t, 4*padded(embed+1), i, 4)
		for n := range 4 {
			f.FmaTo(sum, f.LoadShared(back, 4*padded(embed)*n),
				f.LoadShared(pos, 4*padded(embed+1)*n))
		}
	})
	return sum
}

// position leaves the part of dpos: a thread has 4 numbers of a token.
func (p unplaced) position(f *unfolding) {
	embed, row := f.config.Embed, padded(f.config.Embed)
	f.each(f.t*row/4, func(n ptx.U32) {
		t, c := f.split(n, row/4)
		sums := zeros(f.Kernel, 4)
		back, own := f.along(p.back, t, 4*row), f.along(p.own, c, 16)
		for o := range embed {
			w := f.LoadShared4(own, 4*padded(embed+1)*o)
			addTo(f.Kernel, sums, f.LoadShared(back, 4*o), w[:])
		}
		f.Store4(f.At(f.placed.parts, f.along(n, p.slot, f.t*row/4), 16), 0, [4]ptx.F32(sums))
	})
}

// settle adds up the parts of dpos, and makes the step of the position vectors. It has the
// parameters of descent and the parts.
func (o foldedKernels) settle(steps bool) *ptx.Kernel {
	b := beginBlocks(o.name("settle", steps))
	d := b.descent(o.p, steps)
	parts := b.array()
	b.sections(o.settleSections(d, parts))
	return b.Kernel
}

// settleSections are what its blocks do, without their bodies if d is nil.
func (o foldedKernels) settleSections(d *descent, parts ptx.U64) []section {
	embed, row, pos := o.config.Embed, padded(o.config.Embed), o.parameters["pos"]
	sum := gathering{numbers: o.t * row, slots: 2 * o.config.Depth * o.config.Heads}
	list := []section{{sum.tiles(), func(tile ptx.U32) {
		d.gather(parts, sum.numbers, sum.slots, tile, func(number ptx.U32, g ptx.F32) {
			t, c := d.split(number, row)
			d.If(d.Less(c, ptx.Int(embed)), func() {
				d.descend(d.entry(d.cell(ptx.Int(pos), t, embed, c, 1)), g)
			})
		})
		d.finish()
	}}}
	still := part{count: 1, theta: pos + o.t*embed, cols: embed, still: o.config.Length - o.t}
	if still.still > 0 {
		list = append(list, section{still.tiles(), func(block ptx.U32) {
			n := still.number(d.blocks, block)
			e := d.entry(n.theta)
			d.If(n.any, func() { d.descend(e, zero) })
			d.finish()
		}})
	}
	return list
}
