package cuda

// Shapes: as in sequences.go; HT heads and as many sequences of a lane, E folded input.

import "icar/nn/cuda/ptx"

// keysOf is x̃_j of the first token of the lane's first sequence, in shared memory; those of
// the others follow at their distance.
func (b *stage) keysOf() ptx.U32 {
	return b.Add(b.x, b.Mul(b.set, ptx.Int(4*b.ht()*b.apart())))
}

// seenBy is, for each token that a lane works on, whether it sees a key; nil for always.
type seenBy []ptx.Pred

// served is the number of tokens that a lane works on: of one head, its own and its mate's,
// so that it loads half of the keys, those of its parity. Of several heads it has
// several sequences instead.
func (s sequences) served() int {
	if s.ht() == 1 {
		return 2
	}
	return 1
}

// overKeys runs body for the keys that the tile's tokens see: with the address of x̃_j, the
// p_ij of the lane's tokens, and, for the last four, whether they see the key.
func (b *stage) overKeys(g ptx.U32, body func(key ptx.U32, p []ptx.F32, seen seenBy)) {
	key, each := b.CopyInt(b.keysOf()), b.served()
	odd := ptx.Int(0)
	if each == 2 {
		odd = b.And(b.lane, next)
		b.AddTo(key, b.Mul(odd, ptx.Int(4*b.pitch())))
	}
	var ps []ptx.U64
	if b.product() {
		ps = b.placesOf(b.memory.p, g)
	}
	step := func(n int, seen seenBy) {
		weights := make([]ptx.F32, each)
		for t, p := range ps {
			weights[t] = b.Load(p, 16*n*b.ht())
		}
		body(b.Add(key, ptx.Int(4*n*b.pitch())), weights, seen)
	}
	end := b.Mul(b.k, ptx.Int(4))
	unroll := 4
	if b.ht() > 1 {
		unroll = max(1, 4/b.ht())
	}
	b.For(ptx.Int(0), end, ptx.Int(unroll), func(ptx.U32) {
		for n := 0; n < unroll; n += each {
			step(n, nil)
		}
		b.AddTo(key, ptx.Int(4*unroll*b.pitch()))
		for _, p := range ps {
			b.MoveTo(p, ptx.Long(16*unroll*b.ht()))
		}
	})
	for n := 0; n < 4; n += each {
		j := b.Add(odd, ptx.Int(n))
		seen := seenBy{b.AtLeast(b.query, j)}
		if each == 2 {
			seen = append(seen, b.AtLeast(b.mateOf(b.query), j))
		}
		step(n, seen)
	}
}

// mateOf is the token of the tile that the mate of the lane with this one has.
func (b *stage) mateOf(query ptx.U32) ptx.U32 {
	odd := b.And(query, next)
	return b.Sub(b.Add(query, next), b.Add(odd, odd))
}

// placesOf is where the p of the lane's tokens and its first key stand.
func (b *stage) placesOf(packed ptx.U64, g ptx.U32) []ptx.U64 {
	at := b.placeOf(packed, g, b.member)
	if b.served() == 1 {
		return []ptx.U64{at}
	}
	other := b.placeOf(packed, g, b.mateOf(b.query))
	apart := b.Mul(b.And(b.lane, next), ptx.Int(16))
	return []ptx.U64{b.CopyAddress(b.At(at, apart, 1)), b.CopyAddress(b.At(other, apart, 1))}
}

// placeOf is where the p of a member of the tile and the first key stand.
func (b *stage) placeOf(packed ptx.U64, g, member ptx.U32) ptx.U64 {
	keys := firstKey(b.Kernel, b.k)
	keys = b.Add(b.Mul(g, ptx.Int(b.pack.keys())), keys)
	at := b.At(packed, keys, 16*b.ht())
	return b.CopyAddress(b.At(at, member, 4))
}

// masked is v where p holds, else 0; "" holds always.
func (b *stage) masked(v ptx.F32, p ptx.Pred) ptx.F32 {
	if p == "" {
		return v
	}
	return b.Choose(p, v, zero)
}

// of is whether the token of the lane's vector r sees the key.
func (s seenBy) of(r int) ptx.Pred {
	switch len(s) {
	case 0:
		return ""
	case 1:
		return s[0]
	}
	return s[r]
}

// shared gives a lane of one head its mate's vectors behind its own.
func (b *stage) shared(v [][]ptx.F32) [][]ptx.F32 {
	if b.served() == 1 {
		return v
	}
	return [][]ptx.F32{v[0], b.mated(v[0]).other}
}

// back gives each lane the sums for its own token.
func (b *stage) back(v [][]ptx.F32) [][]ptx.F32 {
	if b.served() == 1 {
		return v
	}
	return [][]ptx.F32{b.settled(mates{v[0], v[1]})}
}

// rowsOf are n sums of E numbers that have not begun.
func (b *stage) rowsOf(n int) [][]ptx.F32 {
	v := make([][]ptx.F32, n)
	for r := range v {
		v[r] = zeros(b.Kernel, b.e())
	}
	return v
}

// keys reads x of a key for all of a lane's vectors.
func (b *stage) keys(at ptx.U32, n int) [][]ptx.F32 {
	x := make([][]ptx.F32, n)
	for r := range x {
		if r > 0 && b.served() == 2 { // of the same sequence
			x[r] = x[0]
		} else {
			x[r] = b.sharedRow(at, 4*r*b.apart(), b.e()-1)
		}
	}
	return x
}

// weight is that of vector r.
func (b *stage) weight(p []ptx.F32, r int) ptx.F32 { return p[min(r, len(p)-1)] }
