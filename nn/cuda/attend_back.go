package cuda

// Shapes: as in attend.go; dp (S, H, T, T).

import (
	"icar/nn/cuda/ptx"
)

// The backward of attention runs over the pairs i ≥ j twice, once for the queries and
// once for the keys, so that a warp has its sums in registers and none is shared: with
// t = dz_i·v_j, and g = p t the gradient of a,
//
//	ds = g, or a (g - Σ_j a g) under a softmax
//	dq_i = Σ_{j≤i} ds k_j/√W, dk_j = Σ_{i≥j} ds q_i/√W, dv_j = Σ_{i≥j} a p dz_i
//	dp_ij = Σ_n a t.

// headOfZ is the part of a head in z.
func (a attend) headOfZ(f frame, z ptx.U64, h ptx.U32) ptx.U64 {
	if a.split {
		return f.At(z, h, a.width*line)
	}
	return z
}

// queryKernel has the parameters the number of groups and of slots S, then q, k, v, dz,
// dq, stats, p and dp. A tile is a head and a tile of tokens. Under a product position
// a warp does groups slot, slot + S, … and adds up what they give for dp in its slot.
func (a attend) queryKernel() *ptx.Kernel {
	f := begin("attend_queries" + a.suffix())
	groups, slots := f.Number(), f.Number()
	var base [6]ptx.U64
	for i := range base {
		base[i] = f.array()
	}
	h, tokens := a.ofTile(f)
	var p, dp []ptx.U64
	if a.product {
		p = a.positions(f, f.array(), h, tokens)
		slot := f.Mul(f.group, ptx.Int(a.heads))
		dp = a.positions(f, f.array(), f.Add(slot, h), tokens)
	}
	f.For(f.group, groups, slots, func(group ptx.U32) {
		a.queries(f, base, p, dp, h, group, tokens)
	})
	return f.Kernel
}

// queries makes the gradients of one group.
func (a attend) queries(f frame, base [6]ptx.U64, p, dp []ptx.U64, h, group ptx.U32,
	tokens []ptx.U32) {
	row := a.features() * line
	tensor := func(n, features int) ptx.U64 { return f.of(base[n], features, group) }
	head := func(n int) ptx.U64 { return f.At(tensor(n, a.features()), h, a.width*line) }
	k, v := head(1), head(2)
	q := a.vectors(f, head(0), tokens, row)
	dz := a.vectors(f, a.headOfZ(f, tensor(3, a.out()), h), tokens, a.out()*line)
	var top, scale, mean []ptx.F32
	// pairs calls body for the tokens that see key j, with t = dz·v and the gradient g of
	// the attention.
	pairs := func(body func(j ptx.U32, r int, key []ptx.F32, attention, t, g ptx.F32)) {
		a.overKeys(f, 0, tokens, func(j ptx.U32, from int) {
			key := f.loads(f.At(k, j, row), 0, a.width)
			value := f.loads(f.At(v, j, row), 0, a.width)
			for r := from; r < a.rows; r++ {
				attention := a.score(f, q[r], key)
				if a.softmax {
					attention = a.attention(f, attention, top[r], scale[r])
				}
				t := dot(f.Kernel, dz[r], value)
				g := t
				if a.product {
					g = f.Times(t, f.Load(f.At(p[r], j, 4), 0))
				}
				body(j, r, key, attention, t, g)
			}
		})
	}
	if a.softmax {
		kept := f.At(tensor(5, stats*a.heads), h, stats*line)
		top, scale, mean = a.keptStats(f, kept, tokens)
		pairs(func(_ ptx.U32, r int, _ []ptx.F32, attention, _, g ptx.F32) {
			f.FmaTo(mean[r], attention, g)
		})
		for r, t := range tokens {
			f.If(f.Less(t, f.length), func() {
				f.Store(f.At(kept, t, stats*a.heads*line), statMean*line, mean[r])
			})
		}
	}
	var dq [][]ptx.F32
	for range tokens {
		dq = append(dq, zeros(f.Kernel, a.width))
	}
	pairs(func(j ptx.U32, r int, key []ptx.F32, attention, t, g ptx.F32) {
		if a.product {
			a.addPosition(f, f.At(dp[r], j, 4), f.Times(attention, t), group, tokens[r])
		}
		if a.softmax {
			g = f.Times(attention, f.Minus(g, mean[r]))
		}
		addTo(f.Kernel, dq[r], g, key)
	})
	a.finish(f, dq)
	a.store(f, head(4), tokens, dq, row)
}

// keptStats reads the stats of tokens, and begins sums for their mean.
func (a attend) keptStats(f frame, kept ptx.U64, tokens []ptx.U32) (top, scale, mean []ptx.F32) {
	last := f.Sub(f.length, next)
	for _, t := range tokens {
		at := f.At(kept, f.Min(t, last), stats*a.heads*line)
		top = append(top, f.Load(at, statTop*line))
		scale = append(scale, f.Load(at, statScale*line))
		mean = append(mean, f.Copy(zero))
	}
	return top, scale, mean
}

// addPosition adds the sum of v over the sequences of a group to the number at an
// address, or begins there with the first group.
func (a attend) addPosition(f frame, at ptx.U64, v ptx.F32, group, token ptx.U32) {
	sum := allLanes(f.Kernel, v)
	f.If(f.Both(f.Equal(f.lane, ptx.Int(0)), f.Less(token, f.length)), func() {
		before := f.Choose(f.Equal(group, f.group), zero, f.Load(at, 0))
		f.Store(at, 0, f.Plus(before, sum))
	})
}

// finish multiplies sums by 1/√W.
func (a attend) finish(f frame, sums [][]ptx.F32) {
	for _, row := range sums {
		for c, v := range row {
			row[c] = f.Times(v, attentionScale(a.width))
		}
	}
}

// keyName is that of keyKernel.
func (a attend) keyName() string {
	name := "attend"
	if a.keys {
		name += "_keys"
	}
	if a.values {
		name += "_values"
	}
	return name + a.suffix()
}

// asKeys is what a warp has of its tokens as the keys of a head.
type asKeys struct {
	frame
	attend
	q, dz        ptx.U64     // of the queries
	kept, p      ptx.U64     // their stats; p_ij for i = 0, j the first token
	k, v, dk, dv [][]ptx.F32 // of the tokens
}

// keyKernel has the parameters q, k, v, dz, dk, dv, stats and p, of which it writes dk,
// dv or both. A tile is a head and a tile of tokens, the keys.
func (a attend) keyKernel() *ptx.Kernel {
	f := begin(a.keyName())
	h, tokens := a.ofTile(f)
	row := a.features() * line
	head := func() ptx.U64 { return f.At(f.tensor(a.features()), h, a.width*line) }
	w := asKeys{frame: f, attend: a, q: head()}
	ks, vs := head(), head()
	w.dz = a.headOfZ(f, f.tensor(a.out()), h)
	dks, dvs := head(), head()
	w.kept = f.At(f.tensor(stats*a.heads), h, stats*line)
	if a.product {
		w.p = f.At(f.array(), f.Add(f.Mul(f.Mul(h, f.length), f.length), tokens[0]), 4)
	}
	w.k = a.vectors(f, ks, tokens, row)
	if a.keys {
		w.v = a.vectors(f, vs, tokens, row)
	}
	for range tokens {
		if a.keys {
			w.dk = append(w.dk, zeros(f.Kernel, a.width))
		}
		if a.values {
			w.dv = append(w.dv, zeros(f.Kernel, a.width))
		}
	}
	for r := range a.rows - 1 {
		f.If(f.Less(tokens[r], f.length), func() { w.query(tokens[r], r+1) })
	}
	f.For(tokens[a.rows-1], f.length, next, func(i ptx.U32) { w.query(i, a.rows) })
	a.finish(f, w.dk)
	if a.keys {
		a.store(f, dks, tokens, w.dk, row)
	}
	if a.values {
		a.store(f, dvs, tokens, w.dv, row)
	}
	return f.Kernel
}

// query adds what comes of token i, which sees the keys before to.
func (w asKeys) query(i ptx.U32, to int) {
	q := w.loads(w.At(w.q, i, w.features()*line), 0, w.width)
	dz := w.loads(w.At(w.dz, i, w.out()*line), 0, w.width)
	var top, scale, mean ptx.F32
	if w.softmax {
		at := w.At(w.kept, i, stats*w.heads*line)
		top, scale, mean = w.Load(at, statTop*line), w.Load(at, statScale*line),
			w.Load(at, statMean*line)
	}
	for r := range to {
		attention := w.attention(w.frame, w.score(w.frame, q, w.k[r]), top, scale)
		weight, position := attention, one
		if w.product {
			position = w.Load(w.At(w.p, w.Add(w.Mul(i, w.length), ptx.Int(r)), 4), 0)
			weight = w.Times(attention, position)
		}
		if w.values {
			addTo(w.Kernel, w.dv[r], weight, dz)
		}
		if !w.keys {
			continue
		}
		g := dot(w.Kernel, dz, w.v[r])
		if w.product {
			g = w.Times(g, position)
		}
		if w.softmax {
			g = w.Times(attention, w.Minus(g, mean))
		}
		addTo(w.Kernel, w.dk[r], g, q)
	}
}
