package cuda

// Shapes: G groups of 32 sequences, T time, I in, O out, P parameters, S slots.

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// A gradient with respect to weights is a sum over the G·T rows of 32 numbers that
// two tensors have. S blocks share the rows, and in a block its warps: warp w of
// block s has rows sW + w, (s + S)W + w, … Each writes the sum of its rows to its
// slot of parts (S, P), and the slots are added up afterwards, in order. S depends on
// the model and the batch only, and so do the bits.

// partial is a kernel that sums 32 numbers at a time over rows. Its first parameters
// are the distance of runs, the number of rows and P; a block's place in the grid is
// the tile of numbers, the slot and the run.
type partial struct {
	*ptx.Kernel
	stride          ptx.U64
	items, params   ptx.U32
	tile, slot, run ptx.U32
	warp, lane      ptx.U32
	shared          ptx.U32
	sums            []ptx.F32 // 32
}

func beginPartial(name string) partial {
	k := ptx.New(name)
	p := partial{Kernel: k, stride: k.Distance(), items: k.Number(), params: k.Number()}
	thread := k.Thread(ptx.X)
	p.tile, p.slot, p.run = k.Block(ptx.X), k.Block(ptx.Y), k.Block(ptx.Z)
	p.warp, p.lane = k.Shr(thread, 5), k.And(thread, ptx.Int(31))
	p.shared = k.Shared(4 * 32 * warps)
	p.sums = zeros(k, 32)
	return p
}

// tensor is the next parameter, a tensor: the lane's numbers.
func (p partial) tensor() ptx.U64 {
	return p.At(p.Stride(p.Pointer(), p.run, p.stride), p.lane, 4)
}

// each runs body for the rows of the warp.
func (p partial) each(body func(row ptx.U32)) {
	first := p.Add(p.Mul(p.slot, ptx.Int(warps)), p.warp)
	p.For(first, p.items, p.Mul(p.Blocks(ptx.Y), ptx.Int(warps)), body)
}

// write adds the warps' sums and lane l writes that of number l to the slot of parts,
// the last parameter, at the index that place returns, if it is to be.
func (p partial) write(place func() (valid ptx.Pred, index ptx.U32)) {
	parts := p.Stride(p.Pointer(), p.run, p.stride)
	at := p.Add(p.shared, p.Mul(p.lane, ptx.Int(4)))
	mine := p.Add(at, p.Mul(p.warp, ptx.Int(4*32)))
	p.StoreShared(mine, 0, transposedSum(p.Kernel, p.lane, p.sums))
	p.Barrier()
	p.If(p.Equal(p.warp, ptx.Int(0)), func() {
		sum := p.LoadShared(at, 0)
		for w := 1; w < warps; w++ {
			sum = p.Plus(sum, p.LoadShared(at, w*4*32))
		}
		valid, index := place()
		p.If(valid, func() {
			p.Store(p.At(parts, p.Add(p.Mul(p.slot, p.params), index), 4), 0, sum)
		})
	})
}

// outer is dW = Σ dyᵀ x and db = Σ dy over rows: a tile is outerRows by outerCols of
// [dW db].
type outer struct{ in, out int }

const outerRows, outerCols = 4, 8

func (o outer) name() string { return fmt.Sprintf("outer_%d_%d", o.in, o.out) }

func (o outer) across() int { return (o.in + outerCols) / outerCols } // with the bias

func (o outer) tiles() int { return (o.out + outerRows - 1) / outerRows * o.across() }

// kernel has the parameters x, dy and parts at W.
func (o outer) kernel() *ptx.Kernel {
	p := beginPartial(o.name())
	x, dy := p.tensor(), p.tensor()
	o0 := p.Mul(p.Div(p.tile, ptx.Int(o.across())), ptx.Int(outerRows))
	i0 := p.Mul(p.Rem(p.tile, ptx.Int(o.across())), ptx.Int(outerCols))
	var dys [outerRows]ptx.U64
	for r := range dys {
		dys[r] = p.At(dy, p.Min(p.Add(o0, ptx.Int(r)), ptx.Int(o.out-1)), line)
	}
	var xs [outerCols]ptx.U64
	var inside [outerCols]ptx.Pred
	for c := range xs {
		i := p.Add(i0, ptx.Int(c))
		xs[c] = p.At(x, p.Min(i, ptx.Int(o.in-1)), line)
		inside[c] = p.Less(i, ptx.Int(o.in))
	}
	p.each(func(row ptx.U32) {
		var g [outerRows]ptx.F32
		for r := range g {
			g[r] = p.Load(p.At(dys[r], row, o.out*line), 0)
		}
		for c := range xs {
			v := p.Load(p.At(xs[c], row, o.in*line), 0)
			v = p.Choose(inside[c], v, one) // the bias is a weight of 1
			for r := range g {
				p.FmaTo(p.sums[r*outerCols+c], g[r], v)
			}
		}
	})
	p.write(func() (ptx.Pred, ptx.U32) {
		row, i := p.Add(o0, p.Shr(p.lane, 3)), p.Add(i0, p.And(p.lane, ptx.Int(7)))
		weight := p.Add(p.Mul(row, ptx.Int(o.in)), i)
		bias := p.Add(row, ptx.Int(o.in*o.out))
		valid := p.Both(p.Less(row, ptx.Int(o.out)), p.Less(i, ptx.Int(o.in+1)))
		return valid, p.Pick(p.Less(i, ptx.Int(o.in)), weight, bias)
	})
	return p.Kernel
}

// normSums is dγ = Σ dy x̂ and dβ = Σ dy over rows: a tile is normCols of both.
type normSums struct{ d int }

const normCols = 16

func (n normSums) name() string { return fmt.Sprintf("norm_sums_%d", n.d) }

func (n normSums) tiles() int { return (n.d + normCols - 1) / normCols }

// kernel has the parameters x̂, dy and parts at γ, behind which β stands.
func (n normSums) kernel() *ptx.Kernel {
	p := beginPartial(n.name())
	normal, dy := p.tensor(), p.tensor()
	first := p.Mul(p.tile, ptx.Int(normCols))
	var at [normCols]ptx.U32
	for c := range at {
		at[c] = p.Min(p.Add(first, ptx.Int(c)), ptx.Int(n.d-1))
	}
	p.each(func(row ptx.U32) {
		for c, i := range at {
			offset := p.Add(p.Mul(row, ptx.Int(n.d)), i)
			g := p.Load(p.At(dy, offset, line), 0)
			p.FmaTo(p.sums[c], g, p.Load(p.At(normal, offset, line), 0))
			p.PlusTo(p.sums[c+normCols], g)
		}
	})
	p.write(func() (ptx.Pred, ptx.U32) {
		i := p.Add(first, p.And(p.lane, ptx.Int(normCols-1)))
		half := p.Mul(p.Shr(p.lane, 4), ptx.Int(n.d))
		return p.Less(i, ptx.Int(n.d)), p.Add(i, half)
	})
	return p.Kernel
}
