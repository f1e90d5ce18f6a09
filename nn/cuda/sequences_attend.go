package cuda

// Shapes: as in sequences.go; HT heads and as many sequences of a lane, E folded input.

import "icar/nn/cuda/ptx"

// heads is what a lane has of its head for its HT sequences.
type heads struct {
	z, v, y          [][]ptx.F32 // (HT, E)
	top, scale, mean []ptx.F32   // (HT) of a softmax
}

// eachGroup runs body for the groups of heads.
func (b *stage) eachGroup(body func(g ptx.U32)) {
	if b.groups() == 1 {
		body(ptx.Int(0))
		return
	}
	b.For(ptx.Int(0), ptx.Int(b.groups()), next, body)
}

// headOf is the lane's head of a group; of those that there are not, the last.
func (b *stage) headOf(g ptx.U32) ptx.U32 {
	h := b.Add(b.Mul(g, ptx.Int(b.ht())), b.head)
	if b.config.Heads%b.ht() == 0 {
		return h
	}
	return b.Min(h, ptx.Int(b.config.Heads-1))
}

// present is v where the lane's head of the group is one, else 0.
func (b *stage) present(g ptx.U32, v ptx.F32) ptx.F32 {
	if b.config.Heads%b.ht() == 0 {
		return v
	}
	h := b.Add(b.Mul(g, ptx.Int(b.ht())), b.head)
	return b.Choose(b.Less(h, ptx.Int(b.config.Heads)), v, zero)
}

// forward adds what a group of heads gives to o, on the way back from what they left.
func (b *stage) forward(g ptx.U32, o []ptx.F32) heads {
	if b.pass == passBackward {
		h := b.heads(g)
		b.addOutput(g, h.y, o)
		return h
	}
	h := heads{z: b.queries(g)}
	b.attend(g, &h)
	b.addOutput(g, h.y, o)
	if b.groups() > 1 || b.pass == passForward {
		b.leaveHeads(g, h)
	}
	return h
}

// queries are z = M x̃_i of the lane's token and head.
func (b *stage) queries(g ptx.U32) [][]ptx.F32 {
	e := b.e()
	at := b.Add(b.weights, b.Mul(b.headOf(g), ptx.Int(4*e*b.es())))
	own := b.Add(b.keysOf(), b.Mul(b.i, ptx.Int(4*b.pitch())))
	z, x := make([][]ptx.F32, b.ht()), make([][]ptx.F32, b.ht())
	for r := range x {
		x[r] = b.sharedRow(own, 4*r*b.apart(), e-1)
	}
	for n := range e {
		row := b.sharedRow(at, b.place(b.at().m)+4*n*b.es(), e)
		for r := range x {
			sum := b.Copy(row[e-1])
			for c, v := range x[r] {
				b.FmaTo(sum, row[c], v)
			}
			z[r] = append(z[r], sum)
		}
	}
	return z
}

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
	keys := b.Shl(b.Mul(b.k, b.Add(b.k, next)), 1)
	keys = b.Add(b.Mul(g, ptx.Int(b.pack.keys())), keys)
	at := b.At(packed, keys, 16*b.ht())
	return b.CopyAddress(b.At(at, member, 4))
}

// with is a·x̃, which begins with the last coordinate, of 1; of long vectors in two sums,
// neither of which waits for the other.
func (b *stage) with(a, x []ptx.F32) ptx.F32 {
	last := len(x)
	sum := a[last]
	if last < 8 {
		for c, v := range x {
			sum = b.Fma(a[c], v, sum)
		}
		return sum
	}
	half := b.Times(a[0], x[0])
	for c := 1; c < last/2; c++ {
		half = b.Fma(a[c], x[c], half)
	}
	for c := last / 2; c < last; c++ {
		sum = b.Fma(a[c], x[c], sum)
	}
	return b.Plus(sum, half)
}

// addKey adds s x̃ to a sum.
func (b *stage) addKey(sum []ptx.F32, s ptx.F32, x []ptx.F32) {
	addTo(b.Kernel, sum[:len(x)], s, x)
	b.PlusTo(sum[len(x)], s)
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

// attend makes y_i = Σ_j a_ij p_ij x̃_j.
func (b *stage) attend(g ptx.U32, h *heads) {
	z := b.shared(h.z)
	y := b.rowsOf(len(z))
	if b.softmax() {
		b.attendSoftly(g, z, y, h)
		return
	}
	b.overKeys(g, func(key ptx.U32, p []ptx.F32, seen seenBy) {
		for r, x := range b.keys(key, len(z)) {
			s := b.with(z[r], x)
			if b.product() { // p is 0 where the key is not seen
				s = b.Times(s, b.weight(p, r))
			} else {
				s = b.masked(s, seen.of(r))
			}
			b.addKey(y[r], s, x)
		}
	})
	h.y = b.back(y)
}

// attendSoftly does it with a softmax.
func (b *stage) attendSoftly(g ptx.U32, z, y [][]ptx.F32, h *heads) {
	n := len(z)
	top, sum := make([]ptx.F32, n), zeros(b.Kernel, n)
	for r, x := range b.keys(b.keysOf(), n) { // the first key, which all tokens see
		top[r] = b.Copy(b.with(z[r], x))
	}
	b.overKeys(g, func(key ptx.U32, _ []ptx.F32, seen seenBy) {
		for r, x := range b.keys(key, n) {
			s := b.with(z[r], x)
			if p := seen.of(r); p != "" {
				s = b.Choose(p, s, top[r])
			}
			b.CopyTo(top[r], b.Max(top[r], s))
		}
	})
	if b.served() == 2 {
		own := b.Max(top[0], b.Butterfly(top[1], 1))
		top = []ptx.F32{own, b.Butterfly(own, 1)}
	}
	b.overKeys(g, func(key ptx.U32, p []ptx.F32, seen seenBy) {
		for r, x := range b.keys(key, n) {
			e := exponential(b.Kernel, b.Minus(b.with(z[r], x), top[r]))
			e = b.masked(e, seen.of(r))
			b.PlusTo(sum[r], e)
			if b.product() {
				e = b.Times(e, b.weight(p, r))
			}
			b.addKey(y[r], e, x)
		}
	})
	h.y, h.top = b.back(y), top[:b.ht()]
	if b.served() == 2 {
		sum = b.settled(mates{sum[:1], sum[1:]})
	}
	for r, y := range h.y {
		h.scale = append(h.scale, b.Over(one, sum[r]))
		for c := range y {
			y[c] = b.Times(y[c], h.scale[r])
		}
	}
}

// outputRow reads row e of U of the lane's head, transposed: D numbers.
func (b *stage) outputRow(g ptx.U32) func(e int) []ptx.F32 {
	at := b.Add(b.weights, b.Mul(b.headOf(g), ptx.Int(4*b.e()*b.ds())))
	return func(e int) []ptx.F32 {
		return b.sharedRow(at, b.place(b.at().u)+4*e*b.ds(), b.config.Embed)
	}
}

// addOutput adds Σ_h U_h y_ih to o of the lane's token.
func (b *stage) addOutput(g ptx.U32, y [][]ptx.F32, o []ptx.F32) {
	u := b.outputRow(g)
	sums := make([][]ptx.F32, b.ht())
	for e := range b.e() {
		row := u(e)
		for r := range sums {
			if e == 0 {
				sums[r] = make([]ptx.F32, len(row))
			}
			for d, v := range row {
				if e == 0 {
					sums[r][d] = b.Copy(b.Times(v, y[r][0]))
				} else {
					b.FmaTo(sums[r][d], v, y[r][e])
				}
			}
		}
	}
	for r := range sums {
		for d := range sums[r] {
			sums[r][d] = b.present(g, sums[r][d])
		}
	}
	for d, v := range b.shareOut(sums) {
		b.PlusTo(o[d], v)
	}
}

// shareOut sums vectors over the heads of a warp and gives each lane that of the sequence
// whose number is its head: in each round a lane keeps half of its sequences and gives
// the others for theirs.
func (b *stage) shareOut(v [][]ptx.F32) []ptx.F32 {
	for half := b.ht() / 2; half >= 1; half /= 2 {
		low := b.Equal(b.And(b.lane, ptx.Int(half)), ptx.Int(0))
		for i := range half {
			for d, a := range v[i] {
				other := v[i+half][d]
				keep, give := b.Choose(low, a, other), b.Choose(low, other, a)
				v[i][d] = b.Plus(keep, b.Butterfly(give, half))
			}
		}
	}
	return v[0]
}

// handOut gives all heads the vectors of the sequences of the group.
func (b *stage) handOut(v []ptx.F32) [][]ptx.F32 {
	all := make([][]ptx.F32, b.ht())
	if b.ht() == 1 {
		return [][]ptx.F32{v}
	}
	first := b.Sub(b.lane, b.head)
	for r := range all {
		from := b.Add(first, ptx.Int(r))
		for _, a := range v {
			all[r] = append(all[r], b.OfLane(a, from))
		}
	}
	return all
}

// leaveHeads keeps y and the statistics of a group for the way back.
func (b *stage) leaveHeads(g ptx.U32, h heads) {
	row := b.es() + b.statNumbers()
	to := b.At(b.memory.y, g, 4*b.ht()*row*b.threads())
	for r := range h.y {
		v := append(make([]ptx.F32, 0, row), h.y[r]...)
		for len(v) < b.es() {
			v = append(v, zero)
		}
		if b.softmax() {
			v = append(v, h.top[r], h.scale[r])
		}
		b.write(b.Move(to, ptx.Long(4*r*row*b.threads())), v)
	}
}

// heads are those that were left.
func (b *stage) heads(g ptx.U32) (h heads) {
	row := b.es() + b.statNumbers()
	from := b.At(b.memory.y, g, 4*b.ht()*row*b.threads())
	for r := range b.ht() {
		v := b.read(b.Move(from, ptx.Long(4*r*row*b.threads())), row)
		h.y = append(h.y, v[:b.e()])
		if b.softmax() {
			h.top, h.scale = append(h.top, v[b.es()]), append(h.scale, v[b.es()+1])
		}
	}
	return h
}
