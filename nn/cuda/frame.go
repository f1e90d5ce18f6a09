package cuda

// Shapes: R runs, G groups of 32 sequences, T time, F features.
//
// A tensor of a run is (G, T, F, 32): a warp works on a group, a lane on a sequence.
// A warp's loads are whole lines of memory, what is the same for all sequences is one
// address for all lanes, and places of features are constants in the instructions.

import (
	"math"

	"icar/nn/cuda/ptx"
	"icar/nn/kernel/constant"
)

// line is the bytes of one feature of a group.
const line = 4 * 32

// warps of a block, each of which takes a tile of work.
const warps = 4

var (
	zero = ptx.Float(0)
	one  = ptx.Float(1)
	next = ptx.Int(1)
)

// frame is a kernel whose warps each take a tile of the work on a group of
// sequences of a run. Its first parameters are the distance of runs, the number of
// tiles and T.
type frame struct {
	*ptx.Kernel
	stride           ptx.U64 // bytes from a run to the next
	run, group, tile ptx.U32
	lane, length     ptx.U32
}

// begin begins one.
func begin(name string) frame {
	k := ptx.New(name)
	f := frame{Kernel: k, stride: k.Distance()}
	tiles, thread := k.Number(), k.Thread(ptx.X)
	f.length = k.Number()
	f.lane = k.And(thread, ptx.Int(31))
	f.tile = k.Add(k.Mul(k.Block(ptx.X), k.Shr(k.Threads(ptx.X), 5)), k.Shr(thread, 5))
	f.group, f.run = k.Block(ptx.Y), k.Block(ptx.Z)
	k.ExitUnless(k.Less(f.tile, tiles))
	return f
}

// array is the next parameter, memory of the run.
func (f frame) array() ptx.U64 { return f.Stride(f.Pointer(), f.run, f.stride) }

// tensor is the next parameter, a tensor of that many features: the numbers of the
// lane's sequence.
func (f frame) tensor(features int) ptx.U64 { return f.of(f.array(), features, f.group) }

// row is the next parameter, a tensor of that many features: the numbers of the lane's
// sequence at the token that is the tile.
func (f frame) row(features int) ptx.U64 {
	return f.At(f.tensor(features), f.tile, features*line)
}

// of is the part of a group in a tensor.
func (f frame) of(base ptx.U64, features int, group ptx.U32) ptx.U64 {
	group64 := f.Product(f.length, ptx.Int(features*line))
	return f.At(f.Stride(base, group, group64), f.lane, 4)
}

// loads reads n features from the first on.
func (f frame) loads(at ptx.U64, first, n int) []ptx.F32 {
	v := make([]ptx.F32, n)
	for i := range v {
		v[i] = f.Load(at, (first+i)*line)
	}
	return v
}

// stores writes features from the first on.
func (f frame) stores(at ptx.U64, first int, v []ptx.F32) {
	for i, x := range v {
		f.Store(at, (first+i)*line, x)
	}
}

// zeros are n sums that have not begun.
func zeros(k *ptx.Kernel, n int) []ptx.F32 {
	v := make([]ptx.F32, n)
	for i := range v {
		v[i] = k.Copy(zero)
	}
	return v
}

// dot is Σ_i a_i b_i, in order.
func dot(k *ptx.Kernel, a, b []ptx.F32) ptx.F32 {
	sum := k.Times(a[0], b[0])
	for i := 1; i < len(a); i++ {
		sum = k.Fma(a[i], b[i], sum)
	}
	return sum
}

// addTo adds s·v to sums.
func addTo(k *ptx.Kernel, sums []ptx.F32, s ptx.F32, v []ptx.F32) {
	for i, sum := range sums {
		k.FmaTo(sum, s, v[i])
	}
}

// allLanes is the sum of v over the lanes of the warp, in each of them: neighbours
// first, then pairs, and so on.
func allLanes(k *ptx.Kernel, v ptx.F32) ptx.F32 {
	for mask := 1; mask < 32; mask *= 2 {
		v = k.Plus(v, k.Butterfly(v, mask))
	}
	return v
}

// transposedSum returns in lane l the sum of v[l] over all lanes. In each round the
// lanes of a half keep half of the sums and give the others for theirs, so it takes
// 31 exchanges in place of 32·5.
func transposedSum(k *ptx.Kernel, lane ptx.U32, v []ptx.F32) ptx.F32 {
	v = append([]ptx.F32(nil), v...)
	for half := 16; half >= 1; half /= 2 {
		low := k.Equal(k.And(lane, ptx.Int(half)), ptx.Int(0))
		for i := range half {
			keep, give := k.Choose(low, v[i], v[i+half]), k.Choose(low, v[i+half], v[i])
			v[i] = k.Plus(keep, k.Butterfly(give, half))
		}
	}
	return v[0]
}

// exponential is eˣ for x ≤ 0: the operations of exp.go in package kernel, fused as in
// its assembly, so the same bits.
func exponential(k *ptx.Kernel, x ptx.F32) ptx.F32 {
	least := ptx.Float(constant.ExpLeast)
	x = k.Choose(k.FLess(x, least), least, x)
	shifted := k.Fma(x, ptx.Float(math.Log2E), k.Copy(ptx.Float(constant.ExpShift)))
	n := k.Minus(shifted, ptx.Float(constant.ExpShift))
	r := k.Fma(n, ptx.Float(-constant.Ln2High), x)
	r = k.Fma(n, ptx.Float(-constant.Ln2Low), r)
	taylor := constant.ExpTaylor()
	y := k.Copy(ptx.Float(taylor[0]))
	for _, c := range taylor[1:] {
		y = k.Fma(y, r, ptx.Float(c))
	}
	return k.OfBits(k.Add(k.Bits(y), k.Shl(k.Bits(shifted), 23)))
}

// geluDensity is 1/√(2π): that times e^{-x²/2} is the derivative of Φ.
const geluDensity = constant.GELUDensity

// normal returns Φ(x), the distribution function of a standard normal, and e^{-x²/2}: the
// operations of gelu.go in package kernel.
func normal(k *ptx.Kernel, x ptx.F32) (phi, e ptx.F32) {
	negative := k.FLess(x, zero)
	a := k.Choose(negative, k.Negative(x), x)
	e = exponential(k, k.Times(k.Times(ptx.Float(-0.5), a), a))
	ca := k.Times(ptx.Float(constant.GELUC), a)
	t := k.Over(one, k.Plus(one, ca))
	w := k.Times(ca, t)
	tail := constant.GELUTail()
	q := k.Copy(ptx.Float(tail[0]))
	for _, c := range tail[1:] {
		q = k.Fma(q, w, ptx.Float(c))
	}
	p := k.Times(k.Times(q, t), e)
	return k.Choose(negative, p, k.Minus(one, p)), e
}
