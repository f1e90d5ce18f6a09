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
		row := b.sharedRow(at, 4*b.here.m+4*n*b.es(), e)
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
	for c := last / 2; c < last; c++ {
		sum = b.Fma(a[c], x[c], sum)
	}
	return b.Plus(sum, dot(b.Kernel, a[:last/2], x[:last/2]))
}

// inTwo is a·x in two sums.
func (b *stage) inTwo(a, x []ptx.F32) ptx.F32 {
	half := len(x) / 2
	if half == 0 {
		return dot(b.Kernel, a, x)
	}
	return b.Plus(dot(b.Kernel, a[:half], x[:half]), dot(b.Kernel, a[half:], x[half:]))
}

// addKey adds s x̃ to a sum.
func (b *stage) addKey(sum []ptx.F32, s ptx.F32, x []ptx.F32) {
	addTo(b.Kernel, sum[:len(x)], s, x)
	b.PlusTo(sum[len(x)], s)
}

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
		return b.sharedRow(at, 4*b.here.u+4*e*b.ds(), b.config.Embed)
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
