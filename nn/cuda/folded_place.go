package cuda

// Shapes: T time, D embed, L layers, H heads; pos (T, D), q, k (L, H, T, D), p
// (L, H, T, T) and packed.

import (
	"math"

	"icar/nn/cuda/ptx"
)

// The positions of a product are those of a head by itself, see place.go,
//
//	p_ij = softmax over j ≤ i of q_i·k_j/√D, q_i = W̃_q [pos_i; 1], k_j = W̃_k [pos_j; 1]
//
// and a block makes those of every so many-th token i, all queries and keys for itself. A
// lane has the keys j = lane, lane + 32, …, a warp a token after the other, or several, as
// one waits for sums over lanes. Queries, keys and p are kept for the way back, there each
// head by itself.

// placedArrays is where positions are kept.
type placedArrays struct{ packed, plain, q, k ptx.U64 }

func (b *blocks) placedArrays() placedArrays {
	return placedArrays{b.array(), b.array(), b.array(), b.array()}
}

// Tokens of a warp side by side, and about how many blocks make positions.
const (
	placeRows   = 4
	placeBlocks = 128
)

// placeSplits is the number of blocks that share a head.
func (o foldedKernels) placeSplits() int {
	const warps = foldThreads / 32
	return max(1, min(placeBlocks/(o.config.Depth*o.config.Heads), (o.t+warps-1)/warps))
}

// positionVectors puts those of the tokens into shared memory, a row of so many numbers
// each, of which that at D is 1 if there is room. Rows behind the last token are 0.
func (o foldedKernels) positionVectors(b *blocks, theta ptx.U64, rows, row int) ptx.U32 {
	d := o.config.Embed
	at := b.room(4 * rows * row)
	fill(b, rows*row, func(i ptx.U32) ptx.F32 {
		t, c := b.split(i, row)
		from := b.cell(ptx.Int(o.parameters["pos"]), b.Min(t, ptx.Int(o.t-1)), d,
			b.Min(c, ptx.Int(d-1)), 1)
		v := b.Choose(b.Less(c, ptx.Int(d)), b.Load(b.At(theta, from, 4), 0),
			b.Choose(b.Equal(c, ptx.Int(d)), one, zero))
		return b.Choose(b.Less(t, ptx.Int(o.t)), v, zero)
	}, func(i ptx.U32, v ptx.F32) { b.StoreShared(b.along(at, i, 4), 0, v) })
	return at
}

// rows puts [W b] of a head into shared memory, a row of so many numbers each, 0 behind.
func (o foldedKernels) rows(b *blocks, theta ptx.U64, d band, name string, layer, h ptx.U32,
	row int) ptx.U32 {
	embed := o.config.Embed
	w, bias := o.projection(b, d, name, layer, h)
	at := b.room(4 * embed * row)
	fill(b, embed*row, func(i ptx.U32) ptx.F32 {
		r, c := b.split(i, row)
		from := b.Pick(b.Less(c, ptx.Int(embed)), b.cell(w, r, embed, c, 1), b.Add(bias, r))
		v := b.Load(b.At(theta, from, 4), 0)
		return b.Choose(b.Less(c, ptx.Int(embed+1)), v, zero)
	}, func(i ptx.U32, v ptx.F32) { b.StoreShared(b.along(at, i, 4), 0, v) })
	return at
}

// head is the place of a head among those of all layers.
func (o foldedKernels) head(b *blocks, d band, layer, h ptx.U32) ptx.U32 {
	return b.along(h, b.Add(layer, ptx.Int(d.first)), o.config.Heads)
}

// positions makes those of tokens some, some + splits, … of a head.
func (f *folding) positions(d band, layer, h, some ptx.U32) {
	row := padded(f.config.Embed)
	pos := f.positionVectors(f.blocks, f.theta, f.t, row)
	wq := f.rows(f.blocks, f.theta, d, "q", layer, h, padded(f.config.Embed+1))
	wk := f.rows(f.blocks, f.theta, d, "k", layer, h, padded(f.config.Embed+1))
	head := f.head(f.blocks, d, layer, h)
	f.keep(func() {
		q, k := f.room(4*f.t*row), f.room(4*f.t*row)
		f.project(pos, head, some, projecting{wq, q, f.placed.q}, projecting{wk, k, f.placed.k})
		f.Barrier()
		keys := f.keys(k)
		splits := f.placeSplits()
		const warps = foldThreads / 32
		rows := (f.t + splits*warps - 1) / (splits * warps)
		for first := 0; first < rows; first += placeRows {
			var tokens []ptx.U32
			for r := first; r < min(rows, first+placeRows); r++ {
				tokens = append(tokens, f.along(f.Add(some, ptx.Int(splits*warps*r)), f.warp,
					splits))
			}
			f.softmax(d, layer, h, head, tokens, q, keys)
		}
	})
}

// projecting is where the rows of [W b] are and where the queries or keys go.
type projecting struct {
	w, to ptx.U32
	kept  ptx.U64
}

// project writes queries and keys of a head to shared memory, and the first of the blocks
// that have it keeps them.
func (f *folding) project(pos, head, some ptx.U32, list ...projecting) {
	d, row := f.config.Embed, padded(f.config.Embed)
	across := foldThreads / row // tokens side by side
	t0, c := f.split(f.thread, row)
	f.If(f.Less(t0, ptx.Int(across)), func() {
		weights := make([][]ptx.F32, len(list))
		for n, p := range list {
			own := f.along(p.w, f.Min(c, ptx.Int(d-1)), 4*padded(d+1))
			for i := range d + 1 {
				weights[n] = append(weights[n], f.LoadShared(own, 4*i))
			}
		}
		f.For(t0, ptx.Int(f.t), ptx.Int(across), func(t ptx.U32) {
			vector := f.vector(f.along(pos, t, 4*row))
			at := f.along(c, t, row)
			for n, p := range list {
				sum := f.Copy(weights[n][d])
				for i := range d {
					f.FmaTo(sum, weights[n][i], vector[i])
				}
				v := f.Choose(f.Less(c, ptx.Int(d)), sum, zero)
				f.StoreShared(f.along(p.to, at, 4), 0, v)
				f.If(f.Equal(some, ptx.Int(0)), func() {
					f.Store(f.At(p.kept, f.along(at, head, f.t*row), 4), 0, v)
				})
			}
		})
	})
}

// vector reads D numbers, and those behind them, from shared memory.
func (f *folding) vector(at ptx.U32) []ptx.F32 {
	var v []ptx.F32
	for i := 0; i < f.config.Embed; i += 4 {
		four := f.LoadShared4(at, 4*i)
		v = append(v, four[:]...)
	}
	return v[:f.config.Embed]
}

// keys are those of the lane.
func (f *folding) keys(k ptx.U32) [][]ptx.F32 {
	var keys [][]ptx.F32
	for first := 0; first < f.t; first += 32 {
		j := f.Min(f.Add(f.lane, ptx.Int(first)), ptx.Int(f.t-1))
		keys = append(keys, f.vector(f.along(k, j, 4*padded(f.config.Embed))))
	}
	return keys
}

// softmax makes the positions of some tokens.
func (f *folding) softmax(d band, layer, h, head ptx.U32, tokens []ptx.U32, q ptx.U32,
	keys [][]ptx.F32) {
	embed := f.config.Embed
	scores, scales := make([][]ptx.F32, len(tokens)), make([]ptx.F32, len(tokens))
	for r, i := range tokens {
		query := f.vector(f.along(q, f.Min(i, ptx.Int(f.t-1)), 4*padded(embed)))
		top := f.Copy(ptx.Float(-math.MaxFloat32))
		for c, key := range keys {
			s := f.Times(dot(f.Kernel, query, key), attentionScale(embed))
			s = f.Choose(f.seen(i, c), s, ptx.Float(-math.MaxFloat32))
			scores[r] = append(scores[r], s)
			f.CopyTo(top, f.Max(top, s))
		}
		for mask := 1; mask < 32; mask *= 2 {
			top = f.Max(top, f.Butterfly(top, mask))
		}
		sum := f.Copy(zero)
		for c, s := range scores[r] {
			scores[r][c] = exponential(f.Kernel, f.Minus(s, top))
			f.PlusTo(sum, scores[r][c]) // which 10⁻³⁸ of those not seen do not change
		}
		scales[r] = f.Over(one, allLanes(f.Kernel, sum))
	}
	packed := f.along(ptx.Int(0), f.Add(layer, ptx.Int(d.first)), f.packing.number())
	for r, i := range tokens {
		for c, e := range scores[r] {
			f.If(f.Both(f.seen(i, c), f.Less(i, ptx.Int(f.t))), func() {
				j := f.Add(f.lane, ptx.Int(32*c))
				p := f.Times(e, scales[r])
				index := f.Add(packed, f.packing.at(f.Kernel, h, i, j))
				f.Store(f.At(f.placed.packed, index, 4), 0, p)
				at := f.along(j, f.cell(i, head, f.t, i, 0), f.t)
				f.Store(f.At(f.placed.plain, at, 4), 0, p)
			})
		}
	}
}

// seen is whether token i sees the lane's key of a round.
func (f *folding) seen(i ptx.U32, round int) ptx.Pred {
	return f.AtLeast(i, f.Add(f.lane, ptx.Int(32*round)))
}
