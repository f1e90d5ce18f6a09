package cuda

// Shapes: T time, I in, O out; x (G, T, I, 32), y (G, T, O, 32), W (O, I), b (O) behind W.

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// product is y = x Wᵀ + b at every token, or back from dy, dx = dy W. A warp has rows
// tokens by some features of the result: what it loads of x it uses for all of
// these features, of W for all tokens.
type product struct {
	in, out int  // of the forward
	back    bool // dx from dy
	start   start
	add     bool  // the forward adds a tensor to the result: a skip connection
	phi     curve // of the forward: writes φ(y); of the backward: multiplies by φ'
}

// start is what the sums of a product begin with.
type start int

const (
	fromZero start = iota
	fromBias
	fromOld // what is there
)

// curve is an activation.
type curve int

const (
	straight curve = iota
	relu
	gelu
)

// rows is the number of tokens of a tile.
const rows = 4

// width returns the features of a tile: a divisor of n, so that no tile sticks out.
func width(n int) int { return divisor(n, 8) }

// divisor returns the largest divisor of n up to most.
func divisor(n, most int) int {
	for most = min(n, most); n%most != 0; most-- {
	}
	return most
}

// from and to are the features of the argument and of the result.
func (p product) from() int {
	if p.back {
		return p.out
	}
	return p.in
}

func (p product) to() int { return p.in + p.out - p.from() }

// tiles returns the number of tiles of a group.
func (p product) tiles(length int) int {
	return (length + rows - 1) / rows * (p.to() / width(p.to()))
}

func (p product) name() string {
	name := fmt.Sprintf("product_%d_%d_%d_%d", p.in, p.out, p.start, p.phi)
	if p.back {
		name += "_back"
	}
	if p.add {
		name += "_add"
	}
	return name
}

// kernel has the parameters W, x, y, then the tensor that is added, then that which
// the activation is of.
func (p product) kernel() *ptx.Kernel {
	f := begin(p.name())
	from, to, cols := p.from(), p.to(), width(p.to())
	w, x, y := f.array(), f.tensor(from), f.tensor(to)
	var added, pre ptx.U64
	if p.add {
		added = f.tensor(to)
	}
	if p.phi == gelu || p.phi != straight && p.back {
		pre = f.tensor(to)
	}
	across := ptx.Int(to / cols)
	t0 := f.Mul(f.Div(f.tile, across), ptx.Int(rows))
	o0 := f.Mul(f.Rem(f.tile, across), ptx.Int(cols))
	last := f.Sub(f.length, next)
	var xs [rows]ptx.U64
	var ts [rows]ptx.U32
	for r := range xs {
		ts[r] = f.Add(t0, ptx.Int(r))
		xs[r] = f.CopyAddress(f.At(x, f.Min(ts[r], last), from*line))
	}
	// Numbers of W from a feature of the result, and of the argument, to the next.
	perOut, perIn := p.in, 1
	if p.back {
		perOut, perIn = 1, p.in
	}
	weights := f.CopyAddress(f.At(w, o0, 4*perOut))
	at := func(r int) ptx.U64 { return f.At(y, f.Add(f.Mul(ts[r], ptx.Int(to)), o0), line) }
	sums := p.begin(f, w, o0, ts, y, last)
	p.sumOver(f, sums, xs, weights, perOut, perIn)
	for r := range rows {
		f.If(f.Less(ts[r], f.length), func() {
			offset := f.Add(f.Mul(ts[r], ptx.Int(to)), o0)
			for c, sum := range sums[r] {
				if p.add {
					sum = f.Plus(sum, f.Load(f.At(added, offset, line), c*line))
				}
				f.Store(at(r), c*line, p.activate(f, sum, pre, offset, c))
			}
		})
	}
	return f.Kernel
}

// sumOver adds to the sums what all features of the argument give, of which the tokens' and
// the weights' stand at those addresses.
func (p product) sumOver(f frame, sums [rows][]ptx.F32, xs [rows]ptx.U64, weights ptx.U64,
	perOut, perIn int) {
	unroll := divisor(p.from(), 8)
	f.For(ptx.Int(0), ptx.Int(p.from()), ptx.Int(unroll), func(ptx.U32) {
		for i := range unroll {
			var v [rows]ptx.F32
			for r := range v {
				v[r] = f.Load(xs[r], i*line)
			}
			for c := range sums[0] {
				weight := f.Load(weights, 4*(c*perOut+i*perIn))
				for r := range v {
					f.FmaTo(sums[r][c], weight, v[r])
				}
			}
		}
		for r := range xs {
			f.MoveTo(xs[r], ptx.Long(unroll*line))
		}
		f.MoveTo(weights, ptx.Long(4*unroll*perIn))
	})
}

// begin returns the sums of a tile.
func (p product) begin(f frame, w ptx.U64, o0 ptx.U32, ts [rows]ptx.U32, y ptx.U64,
	last ptx.U32) (sums [rows][]ptx.F32) {
	cols := width(p.to())
	for r := range rows {
		old := f.At(y, f.Add(f.Mul(f.Min(ts[r], last), ptx.Int(p.to())), o0), line)
		for c := range cols {
			switch p.start {
			case fromZero:
				sums[r] = append(sums[r], f.Copy(zero))
			case fromBias:
				sums[r] = append(sums[r], f.Load(f.At(w, o0, 4), 4*(p.in*p.out+c)))
			case fromOld:
				sums[r] = append(sums[r], f.Load(old, c*line))
			}
		}
	}
	return sums
}

// activate returns what is written for the sum v, feature c of those at offset.
func (p product) activate(f frame, v ptx.F32, pre ptx.U64, offset ptx.U32, c int) ptx.F32 {
	if p.phi == straight {
		return v
	}
	if !p.back && p.phi == relu {
		return f.Choose(f.FLess(v, zero), zero, v) // no number stays none
	}
	at := f.At(pre, offset, line)
	if !p.back {
		f.Store(at, c*line, v)
		phi, _ := normal(f.Kernel, v)
		return f.Times(v, phi)
	}
	x := f.Load(at, c*line)
	if p.phi == relu { // x may be φ(x): both are positive for the same
		return f.Choose(f.FLess(zero, x), v, zero)
	}
	phi, e := normal(f.Kernel, x)
	return f.Times(v, f.Fma(f.Times(x, ptx.Float(geluDensity)), e, phi))
}
