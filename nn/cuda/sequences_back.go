package cuda

// Shapes: as in sequences.go.

import "icar/nn/cuda/ptx"

// backward sums what the heads give for the gradients of the weights, and returns that of
// the lane's token, without its skip connection, if it is asked for. g is the gradient of o.
//
// With v_i = Uᵀ g_i, t_ij = v_i·x̃_j and the attention a_ij:
//
//	dU = Σ_i g_i y_iᵀ, dp_ij = Σ_n a_ij t_ij
//	ds_ij = t_ij p_ij, or a_ij (t_ij p_ij - v_i·y_i) under a softmax,
//
// whose mean of t p over j is v_i·y_i, since y_i = Σ_j a_ij p_ij x̃_j;
//
//	dz_i = Σ_j ds_ij x̃_j, dM = Σ_i dz_i x̃_iᵀ
//	dx_j = Σ_{i≥j} (ds_ij z_i + a_ij p_ij v_i) + Mᵀ dz_j.
func (b *stage) backward(kept heads, x, g []ptx.F32) (dx []ptx.F32) {
	gs := b.handOut(g)
	b.eachGroup(func(group ptx.U32) {
		h := kept
		if b.groups() > 1 {
			h = b.heads(group)
		}
		b.sumOutput(group, h.y, gs)
		b.values(group, &h, gs)
		h.z = b.queries(group)
		if b.inner() {
			b.storeRow(b.own(b.z), 0, h.z[0])
			b.storeRow(b.own(b.v), 0, h.v[0])
			b.Barrier()
		}
		dz := b.descend(group, h)
		if b.inner() {
			dx = b.asKey(x)
			b.throughQueries(dx, dz[0])
		}
		b.sumQueries(group, dz)
	})
	return dx
}

// values makes v = Uᵀ g, and the mean of a softmax.
func (b *stage) values(group ptx.U32, h *heads, gs [][]ptx.F32) {
	u := b.outputRow(group)
	h.v = make([][]ptx.F32, b.ht())
	for e := range b.e() {
		row := u(e)
		for r, g := range gs {
			h.v[r] = append(h.v[r], b.inTwo(row, g))
		}
	}
	if b.softmax() {
		for r := range gs {
			h.mean = append(h.mean, dot(b.Kernel, h.v[r], h.y[r]))
		}
	}
}

// descend returns dz and writes dp.
func (b *stage) descend(group ptx.U32, h heads) [][]ptx.F32 {
	z, v := b.shared(h.z), b.shared(h.v)
	dz := b.rowsOf(len(z))
	top, scale, mean := h.top, h.scale, h.mean
	if b.softmax() && b.served() == 2 {
		other := b.mated([]ptx.F32{top[0], scale[0], mean[0]}).other
		top, scale, mean = append(top, other[0]), append(scale, other[1]), append(mean, other[2])
	}
	var dps []ptx.U64
	if b.product() {
		dps = b.placesOf(b.memory.dp, group)
	}
	b.overKeys(group, func(key ptx.U32, p []ptx.F32, seen seenBy) {
		positions := zeros(b.Kernel, len(dps))
		for r, x := range b.keys(key, len(z)) {
			t := b.with(v[r], x)
			var a ptx.F32 // that nobody asks for without positions and softmax
			if b.product() || b.softmax() {
				a = b.with(z[r], x)
			}
			if b.softmax() {
				a = b.Times(exponential(b.Kernel, b.Minus(a, top[r])), scale[r])
				a = b.masked(a, seen.of(r))
			}
			ds := t
			if b.product() {
				b.FmaTo(positions[min(r, len(dps)-1)], a, t)
				ds = b.Times(t, b.weight(p, r))
			}
			switch {
			case b.softmax():
				ds = b.Times(a, b.Minus(ds, mean[r]))
			case !b.product():
				ds = b.masked(ds, seen.of(r))
			}
			b.addKey(dz[r], ds, x)
		}
		for t, dp := range dps {
			b.addPosition(dp, positions[t])
			b.MoveTo(dp, ptx.Long(16*b.served()*b.ht()))
		}
	})
	return b.back(dz)
}

// addPosition writes the sum of v over the groups of sequences of the warp.
func (b *stage) addPosition(at ptx.U64, v ptx.F32) {
	if b.ht() == sequencesOf {
		b.Store(at, 0, v)
		return
	}
	for mask := 4 * b.ht(); mask < 32; mask *= 2 {
		v = b.Plus(v, b.Butterfly(v, mask))
	}
	b.If(b.Equal(b.set, ptx.Int(0)), func() { b.Store(at, 0, v) })
}

// asKey is the part of dx that comes by the queries which see the lane's token. It goes
// through those of its parity for its own token and its mate's.
func (b *stage) asKey(x []ptx.F32) []ptx.F32 {
	xs := b.mated(x)
	sums := mates{zeros(b.Kernel, len(x)), zeros(b.Kernel, len(x))}
	odd := b.And(b.lane, next)
	at := b.Add(b.Sub(b.keysOf(), b.x), b.Mul(odd, ptx.Int(4*b.pitch())))
	at = b.Add(at, b.Mul(b.k, ptx.Int(16*b.pitch())))
	query := func(n int, seen bool) {
		z := b.sharedRow(b.Add(b.z, at), 4*n*b.pitch(), b.e())
		v := b.sharedRow(b.Add(b.v, at), 4*n*b.pitch(), b.e())
		for _, token := range [2]struct {
			x, dx []ptx.F32
			query ptx.U32
		}{{xs.own, sums.own, b.query}, {xs.other, sums.other, b.mateOf(b.query)}} {
			s, t := b.with(z, token.x), b.with(v, token.x)
			if !seen {
				sees := b.AtLeast(b.Add(odd, ptx.Int(n)), token.query)
				s, t = b.Choose(sees, s, zero), b.Choose(sees, t, zero)
			}
			addTo(b.Kernel, token.dx, t, z[:len(x)])
			addTo(b.Kernel, token.dx, s, v[:len(x)])
		}
	}
	query(0, false)
	query(2, false)
	at = b.Add(at, ptx.Int(16*b.pitch()))
	b.For(b.Add(b.k, next), ptx.Int(b.tiles()), next, func(ptx.U32) {
		query(0, true)
		query(2, true)
		b.AddTo(at, ptx.Int(16*b.pitch()))
	})
	return b.settled(sums)
}

// throughQueries adds Mᵀ dz to dx.
func (b *stage) throughQueries(dx, dz []ptx.F32) {
	for n, v := range dz {
		row := b.sharedRow(b.weights, 4*b.here.m+4*n*b.es(), len(dx))
		addTo(b.Kernel, dx, v, row)
	}
}

// leave writes the gradient of the layer's tokens for the layer below, or sums what
// the lanes have of a token for its position vector.
func (b *stage) leave(dx []ptx.F32) {
	if !b.first {
		b.write(b.memory.dx, dx)
		return
	}
	for mask := 4 * b.ht(); mask < 32; mask *= 2 {
		for c, v := range dx {
			dx[c] = b.Plus(v, b.Butterfly(v, mask))
		}
	}
	first := b.Both(b.Equal(b.set, ptx.Int(0)), b.Less(b.i, ptx.Int(b.time)))
	b.If(first, func() {
		at := b.At(b.memory.slotEnd, b.i, 4*b.ds())
		for c, v := range dx {
			b.Store(at, 4*c, v)
		}
	})
}
