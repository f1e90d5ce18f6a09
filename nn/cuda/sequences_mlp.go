package cuda

// Shapes: D embed, M hidden units.

import "icar/nn/cuda/ptx"

// What a lane reads of a row of weights costs it as much as two products with it, so a lane
// that did all hidden units of its token would wait for weights. Instead two lanes whose
// numbers differ by one do each other's tokens too: the one the even units of both, the
// other the odd ones. Then they exchange what they have of the other's.

// mates is a vector of the lane's token and of the other's.
type mates struct{ own, other []ptx.F32 }

// mated gives the lane its mate's vector.
func (b *stage) mated(v []ptx.F32) mates {
	m := mates{own: v}
	for _, a := range v {
		m.other = append(m.other, b.Butterfly(a, 1))
	}
	return m
}

// settled is the sum of what a lane and its mate have for the lane's token.
func (b *stage) settled(m mates) []ptx.F32 {
	v := make([]ptx.F32, len(m.own))
	for i, a := range m.own {
		v[i] = b.Plus(a, b.Butterfly(m.other[i], 1))
	}
	return v
}

// unit is a hidden unit of the lane, at which may be none.
type unit struct {
	m       ptx.U32
	present ptx.Pred // "" for always
}

// unit is the lane's of those first and first + 1.
func (b *stage) unit(first ptx.U32) unit {
	u := unit{m: b.Add(first, b.And(b.lane, next))}
	if b.hidden()%2 > 0 {
		u.present = b.Less(u.m, ptx.Int(b.hidden()))
		u.m = b.Min(u.m, ptx.Int(b.hidden()-1))
	}
	return u
}

// up reads the weights and, behind them, the bias of a unit.
func (b *stage) up(u unit) []ptx.F32 {
	at := b.Add(b.weights, b.Mul(u.m, ptx.Int(4*b.d1s())))
	return b.sharedRow(at, 4*b.here.up, b.config.Embed+1)
}

// down reads the weights by which a unit comes to the output.
func (b *stage) down(u unit) []ptx.F32 {
	at := b.Add(b.weights, b.Mul(u.m, ptx.Int(4*b.ds())))
	return b.sharedRow(at, 4*b.here.down, b.config.Embed)
}

// mlp is x + W_down φ(W_up x + b_up) + b_down.
func (b *stage) mlp(x []ptx.F32) []ptx.F32 {
	d := len(x)
	xs, sums := b.mated(x), mates{zeros(b.Kernel, d), zeros(b.Kernel, d)}
	b.For(ptx.Int(0), ptx.Int(b.hidden()), ptx.Int(2), func(first ptx.U32) {
		u := b.unit(first)
		row, down := b.up(u), b.down(u)
		for _, token := range [][2][]ptx.F32{{xs.own, sums.own}, {xs.other, sums.other}} {
			h := b.masked(b.activation(b.with(row, token[0])), u.present)
			addTo(b.Kernel, token[1], h, down)
		}
	})
	out := b.settled(sums)
	for i, bias := range b.rowOf(b.here.downBias) {
		out[i] = b.Plus(out[i], b.Plus(x[i], bias))
	}
	return out
}

func (b *stage) activation(v ptx.F32) ptx.F32 {
	if curveOf(b.config) == relu {
		return b.Choose(b.FLess(v, zero), zero, v)
	}
	phi, _ := normal(b.Kernel, v)
	return b.Times(v, phi)
}

// activationBack returns φ(v) and g φ'(v).
func (b *stage) activationBack(v, g ptx.F32) (h, slope ptx.F32) {
	if curveOf(b.config) == relu {
		positive := b.FLess(zero, v)
		return b.Choose(positive, v, zero), b.Choose(positive, g, zero)
	}
	phi, e := normal(b.Kernel, v)
	return b.Times(v, phi), b.Times(g, b.Fma(b.Times(v, ptx.Float(geluDensity)), e, phi))
}

// mlpBack returns the gradient before the MLP, and sums those of its weights, for some
// hidden units at a time: dW_up = Σ dpre middleᵀ, dW_down = Σ dOut hᵀ. For two tokens a
// lane would not have registers enough.
func (b *stage) mlpBack(t token, dOut []ptx.F32) []ptx.F32 {
	dx := make([]ptx.F32, len(dOut))
	for i, v := range dOut {
		dx[i] = b.Copy(v)
	}
	b.Barrier() // tokens are no keys any more
	b.keep(b.x, t.middle)
	b.storeRow(b.own(b.z), 0, dOut)
	chunk, row := b.chunk(), b.own(b.v)
	b.For(ptx.Int(0), ptx.Int(b.hidden()), ptx.Int(chunk), func(first ptx.U32) {
		hs, slopes := make([]ptx.F32, chunk), make([]ptx.F32, chunk)
		for n := range chunk {
			u := unit{m: b.Add(first, ptx.Int(n))}
			up := b.up(u)
			hs[n], slopes[n] = b.activationBack(b.with(up, t.middle), b.inTwo(b.down(u), dOut))
			addTo(b.Kernel, dx, slopes[n], up[:len(dx)])
		}
		b.storeRow(row, 0, slopes)
		b.sumUnits(first, b.x, b.d1s(), b.here.up)
		b.storeRow(row, 0, hs)
		b.sumUnits(first, b.z, b.ds(), b.here.down)
	})
	return dx
}

// sumUnits sums the products of what the lanes have of some units with rows of a tensor.
func (b *stage) sumUnits(first, of ptx.U32, cols, place int) {
	b.Barrier()
	b.sumRows(b.v, of, b.chunk(), cols, b.Add(b.Mul(first, ptx.Int(cols)), ptx.Int(place)))
}

// chunk is the number of hidden units whose sums are made at a time.
func (s sequences) chunk() int { return divisor(s.hidden(), s.pitch()) }
