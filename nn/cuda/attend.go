package cuda

// Shapes: G groups of 32 sequences, T time, H heads of width W; q, k, v (G, T, H·W, 32),
// z (G, T, W, 32) or, of split heads, (G, T, H·W, 32), p (H, T, T), stats
// (G, T, 3H, 32).

import (
	"fmt"
	"math"

	"icar/nn/cuda/ptx"
)

// attend is causal attention with the heads of dimension W,
//
//	a_hij = q_ih·k_jh/√W for j ≤ i, or its softmax over j ≤ i
//	z_i   = Σ_h Σ_{j≤i} a_hij p_hij v_jh
//
// or, where heads are split, z_ih without the sum over heads. A warp has some tokens i
// of some heads, a lane a sequence: what it loads of a key and a value it uses for all its
// tokens. Scores are computed where they are needed and never stored. Of a softmax the
// largest score and one over the sum are kept in stats, for the backward.
type attend struct {
	heads, width int
	softmax      bool
	split        bool
	product      bool // there is a p
	rows         int  // tokens of a warp
	parts        int  // that the heads are shared out to: their sums are added up later
	keys, values bool // of keyKernel: which gradients it computes
}

func (a attend) suffix() string {
	return fmt.Sprintf("_%d_%d_%t_%t_%t_%d_%d", a.heads, a.width, a.softmax, a.split, a.product,
		a.rows, a.parts)
}

// features are those of all heads, and of z.
func (a attend) features() int { return a.heads * a.width }

func (a attend) out() int {
	if a.split {
		return a.features()
	}
	return a.width
}

// tiles returns the number of tiles of tokens.
func (a attend) tiles(length int) int { return (length + a.rows - 1) / a.rows }

// Registers of a thread that the vectors of its tokens may take, four for each, and the
// number of warps that keep a card busy: if there would be fewer, a warp has fewer tokens
// and fewer heads.
const (
	vectorRegisters = 160
	mostRows        = 4
	busyWarps       = 2048
)

// sized returns a with the tokens of a warp and the parts of the heads for batches of
// that many groups and tokens, of which at least busy warps are to be made.
func (a attend) sized(groups, length, busy int) attend {
	a.rows = min(mostRows, max(1, vectorRegisters/(4*a.width)))
	for a.rows > 1 && a.heads*groups*a.tiles(length) < busy {
		a.rows--
	}
	for a.parts = 1; a.parts < a.heads; a.parts++ {
		if a.heads%a.parts == 0 && a.parts*groups*a.tiles(length) >= busy {
			break
		}
	}
	return a
}

// The numbers of stats of a head.
const (
	statTop   = iota // the largest score
	statScale        // one over the sum of exponentials
	statMean         // Σ_j a_j times the gradient of a_j
	stats
)

// vectors reads the W numbers at the tokens of a warp from a head, at those beyond the
// last that of the last.
func (a attend) vectors(f frame, head ptx.U64, tokens []ptx.U32, row int) [][]ptx.F32 {
	v := make([][]ptx.F32, len(tokens))
	last := f.Sub(f.length, next)
	for r, t := range tokens {
		v[r] = f.loads(f.At(head, f.Min(t, last), row), 0, a.width)
	}
	return v
}

// ofTile returns the heads that a tile is of, a part of them or one, by its number, and its
// tokens.
func (a attend) ofTile(f frame) (heads ptx.U32, tokens []ptx.U32) {
	across := f.Div(f.Add(f.length, ptx.Int(a.rows-1)), ptx.Int(a.rows))
	first := f.Mul(f.Rem(f.tile, across), ptx.Int(a.rows))
	for r := range a.rows {
		tokens = append(tokens, f.Add(first, ptx.Int(r)))
	}
	return f.Div(f.tile, across), tokens
}

// overKeys runs body for the keys j from the one on that some token of a warp sees:
// those from row on see it. Keys up to the first token come in a loop.
func (a attend) overKeys(f frame, from int, tokens []ptx.U32, body func(j ptx.U32, row int)) {
	f.For(ptx.Int(from), f.Add(tokens[0], next), next, func(j ptx.U32) { body(j, 0) })
	for row := 1; row < a.rows; row++ {
		f.If(f.Less(tokens[row], f.length), func() { body(tokens[row], row) })
	}
}

// attentionScale is 1/√width.
func attentionScale(width int) ptx.F32 {
	return ptx.Float(float32(1 / math.Sqrt(float64(width))))
}

// score is q·k/√W.
func (a attend) score(f frame, q, k []ptx.F32) ptx.F32 {
	return f.Times(dot(f.Kernel, q, k), attentionScale(a.width))
}

// kernel has the parameters q, k, v, z, stats and p. A tile is a part of the heads and a
// tile of tokens; where there are several parts, and heads are not split, z is that
// of parts (G, T, parts·W, 32).
func (a attend) kernel() *ptx.Kernel {
	f := begin("attend" + a.suffix())
	zs, row := a.out(), a.features()*line
	if !a.split {
		zs *= a.parts
	}
	qs, ks, vs, z := f.tensor(a.features()), f.tensor(a.features()), f.tensor(a.features()),
		f.tensor(zs)
	kept := f.tensor(stats * a.heads)
	var p ptx.U64
	if a.product {
		p = f.array()
	}
	part, tokens := a.ofTile(f)
	var total [][]ptx.F32 // over heads
	for range tokens {
		total = append(total, zeros(f.Kernel, a.width))
	}
	first := f.Mul(part, ptx.Int(a.heads/a.parts))
	f.For(first, f.Add(first, ptx.Int(a.heads/a.parts)), next, func(h ptx.U32) {
		head := func(t ptx.U64) ptx.U64 { return f.At(t, h, a.width*line) }
		ofHead := f.At(kept, h, stats*line)
		sums := a.head(f, head(qs), head(ks), head(vs), ofHead, p, h, tokens, total)
		if a.split {
			a.store(f, head(z), tokens, sums, row)
		}
	})
	if !a.split {
		a.store(f, f.At(z, part, a.width*line), tokens, total, zs*line)
	}
	return f.Kernel
}

// store writes the numbers of the tokens that there are.
func (a attend) store(f frame, to ptx.U64, tokens []ptx.U32, v [][]ptx.F32, row int) {
	for r, t := range tokens {
		f.If(f.Less(t, f.length), func() { f.stores(f.At(to, t, row), 0, v[r]) })
	}
}

// head computes one head, and adds it to total unless heads are split.
func (a attend) head(f frame, qs, k, v, kept, p ptx.U64, h ptx.U32, tokens []ptx.U32,
	total [][]ptx.F32) [][]ptx.F32 {
	row := a.features() * line
	q := a.vectors(f, qs, tokens, row)
	weights := a.positions(f, p, h, tokens)
	sums := total
	if a.softmax || a.split {
		sums = nil
		for range tokens {
			sums = append(sums, zeros(f.Kernel, a.width))
		}
	}
	weigh := func(j ptx.U32, r int, s ptx.F32, value []ptx.F32) {
		if a.product {
			s = f.Times(s, f.Load(f.At(weights[r], j, 4), 0))
		}
		addTo(f.Kernel, sums[r], s, value)
	}
	key := func(j ptx.U32) []ptx.F32 { return f.loads(f.At(k, j, row), 0, a.width) }
	value := func(j ptx.U32) []ptx.F32 { return f.loads(f.At(v, j, row), 0, a.width) }
	if !a.softmax {
		a.overKeys(f, 0, tokens, func(j ptx.U32, from int) {
			key, value := key(j), value(j)
			for r := from; r < a.rows; r++ {
				weigh(j, r, a.score(f, q[r], key), value)
			}
		})
		return sums
	}
	var top, sum []ptx.F32
	begin := key(ptx.Int(0))
	for r := range tokens {
		top, sum = append(top, f.Copy(a.score(f, q[r], begin))), append(sum, f.Copy(zero))
	}
	a.overKeys(f, 1, tokens, func(j ptx.U32, from int) {
		key := key(j)
		for r := from; r < a.rows; r++ {
			f.CopyTo(top[r], f.Max(top[r], a.score(f, q[r], key)))
		}
	})
	a.overKeys(f, 0, tokens, func(j ptx.U32, from int) {
		key, value := key(j), value(j)
		for r := from; r < a.rows; r++ {
			e := exponential(f.Kernel, f.Minus(a.score(f, q[r], key), top[r]))
			f.PlusTo(sum[r], e)
			weigh(j, r, e, value)
		}
	})
	for r, t := range tokens {
		scale := f.Over(one, sum[r])
		a.keepStats(f, kept, t, top[r], scale)
		for c, v := range sums[r] {
			sums[r][c] = f.Times(v, scale)
			if !a.split {
				f.PlusTo(total[r][c], sums[r][c])
			}
		}
	}
	return sums
}

// keepStats leaves the stats of a token, if there is one, for the backward.
func (a attend) keepStats(f frame, kept ptx.U64, token ptx.U32, top, scale ptx.F32) {
	f.If(f.Less(token, f.length), func() {
		at := f.At(kept, token, stats*a.heads*line)
		f.Store(at, statTop*line, top)
		f.Store(at, statScale*line, scale)
	})
}

// positions are the addresses of p_hij for j = 0 of the tokens i.
func (a attend) positions(f frame, p ptx.U64, h ptx.U32, tokens []ptx.U32) []ptx.U64 {
	if !a.product {
		return nil
	}
	at := make([]ptx.U64, len(tokens))
	last := f.Sub(f.length, next)
	for r, t := range tokens {
		i := f.Add(f.Mul(h, f.length), f.Min(t, last))
		at[r] = f.At(p, f.Mul(i, f.length), 4)
	}
	return at
}

// attention is a_ij from the score, by the stats of its row.
func (a attend) attention(f frame, score, top, scale ptx.F32) ptx.F32 {
	if !a.softmax {
		return score
	}
	return f.Times(exponential(f.Kernel, f.Minus(score, top)), scale)
}

// addParts adds up the parts of z, in order. A tile is a token.
type addParts struct{ width, parts int }

// kernel has the parameters parts (G, T, parts·W, 32) and z.
func (a addParts) kernel() *ptx.Kernel {
	f := begin(fmt.Sprintf("add_parts_%d_%d", a.width, a.parts))
	from, to := f.row(a.parts*a.width), f.row(a.width)
	for c := range a.width {
		sum := f.Load(from, c*line)
		for p := 1; p < a.parts; p++ {
			sum = f.Plus(sum, f.Load(from, (p*a.width+c)*line))
		}
		f.Store(to, c*line, sum)
	}
	return f.Kernel
}
