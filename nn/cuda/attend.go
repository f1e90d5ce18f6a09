package cuda

// Shapes: G groups of 32 sequences, T time, H heads of width W; q, k, v (G, T, H·W, 32),
// z (G, T, W, 32) or, of split heads, (G, T, H·W, 32), p (H, T, T), stats
// (G, T, 3H, 32).

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// attend is causal attention with the heads of dimension W,
//
//	a_hij = q_ih·k_jh/√W for j ≤ i, or its softmax over j ≤ i
//	z_i   = Σ_h Σ_{j≤i} a_hij p_hij v_jh
//
// or, where heads are split, z_ih without the sum over heads. A warp has a token i,
// a lane a sequence; scores are computed where they are needed and never stored. Of a
// softmax its largest score and one over its sum are kept in stats, for the backward.
type attend struct {
	heads, width int
	softmax      bool
	split        bool
	product      bool // there is a p
	keys, values bool // of attendKeys: which gradients it computes
}

func (a attend) suffix() string {
	return fmt.Sprintf("_%d_%d_%t_%t_%t", a.heads, a.width, a.softmax, a.split, a.product)
}

// features are those of all heads, and of z.
func (a attend) features() int { return a.heads * a.width }

func (a attend) out() int {
	if a.split {
		return a.features()
	}
	return a.width
}

// The numbers of stats of a head.
const (
	statTop   = iota // the largest score
	statScale        // one over the sum of exponentials
	statMean         // Σ_j a_j times the gradient of a_j
	stats
)

// score is q·k/√W with the key at address.
func (a attend) score(f frame, q []ptx.F32, key ptx.U64) ptx.F32 {
	return f.Times(dot(f.Kernel, q, f.loads(key, 0, a.width)), attentionScale(a.width))
}

// kernel has the parameters q, k, v, z, stats and p. A tile is a token.
func (a attend) kernel() *ptx.Kernel {
	f := begin("attend" + a.suffix())
	qs, ks, vs, zs := f.tensor(a.features()), f.tensor(a.features()), f.tensor(a.features()),
		f.tensor(a.out())
	kept := f.tensor(stats * a.heads)
	var p ptx.U64
	if a.product {
		p = f.array()
	}
	i, end := f.tile, f.Add(f.tile, next)
	row := a.features() * line
	out := f.At(zs, i, a.out()*line)
	z := zeros(f.Kernel, a.width)
	f.For(ptx.Int(0), ptx.Int(a.heads), next, func(h ptx.U32) {
		head := func(t ptx.U64) ptx.U64 { return f.At(t, h, a.width*line) }
		k, v := head(ks), head(vs)
		q := f.loads(f.At(head(qs), i, row), 0, a.width)
		weights := p
		if a.product {
			weights = f.At(p, f.Mul(f.Add(f.Mul(h, f.length), i), f.length), 4)
		}
		sums := z
		if a.softmax || a.split {
			sums = zeros(f.Kernel, a.width)
		}
		weigh := func(j ptx.U32, s ptx.F32) {
			if a.product {
				s = f.Times(s, f.Load(f.At(weights, j, 4), 0))
			}
			addTo(f.Kernel, sums, s, f.loads(f.At(v, j, row), 0, a.width))
		}
		if !a.softmax {
			f.For(ptx.Int(0), end, next, func(j ptx.U32) { weigh(j, a.score(f, q, f.At(k, j, row))) })
		} else {
			scale := a.softmaxOver(f, q, k, end, f.At(f.At(kept, i, stats*a.heads*line), h, stats*line),
				weigh)
			for c := range sums {
				sums[c] = f.Times(sums[c], scale)
			}
		}
		switch {
		case a.split:
			f.stores(head(out), 0, sums)
		case a.softmax:
			for c := range z {
				f.PlusTo(z[c], sums[c])
			}
		}
	})
	if !a.split {
		f.stores(out, 0, z)
	}
	return f.Kernel
}

// softmaxOver calls weigh with the exponentials of the scores below end, less the
// largest, keeps that and one over their sum, and returns the latter.
func (a attend) softmaxOver(f frame, q []ptx.F32, k ptx.U64, end ptx.U32, kept ptx.U64,
	weigh func(j ptx.U32, s ptx.F32)) ptx.F32 {
	row := a.features() * line
	top := f.Copy(a.score(f, q, k))
	f.For(next, end, next, func(j ptx.U32) {
		f.CopyTo(top, f.Max(top, a.score(f, q, f.At(k, j, row))))
	})
	sum := f.Copy(zero)
	f.For(ptx.Int(0), end, next, func(j ptx.U32) {
		e := exponential(f.Kernel, f.Minus(a.score(f, q, f.At(k, j, row)), top))
		f.PlusTo(sum, e)
		weigh(j, e)
	})
	scale := f.Over(one, sum)
	f.Store(kept, statTop*line, top)
	f.Store(kept, statScale*line, scale)
	return scale
}

// attention is a_ij from the score, by the stats of its row.
func (a attend) attention(f frame, score, top, scale ptx.F32) ptx.F32 {
	if !a.softmax {
		return score
	}
	return f.Times(exponential(f.Kernel, f.Minus(score, top)), scale)
}
