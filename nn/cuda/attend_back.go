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

// gradients are dz and the values of one head.
func (a attend) headOfZ(f frame, z ptx.U64, h ptx.U32) ptx.U64 {
	if a.split {
		return f.At(z, h, a.width*line)
	}
	return z
}

// queryKernel has the parameters the number of groups and of slots S, then q, k, v, dz,
// dq, stats, p and dp. A tile is a head and a token. Under a product position a warp
// does groups slot, slot + S, … and adds up what they give for dp in its slot.
func (a attend) queryKernel() *ptx.Kernel {
	f := begin("attend_queries" + a.suffix())
	groups, slots := f.Number(), f.Number()
	var base [6]ptx.U64
	for i := range base {
		base[i] = f.array()
	}
	var p, dp ptx.U64
	h, i := f.Div(f.tile, f.length), f.Rem(f.tile, f.length)
	end := f.Add(i, next)
	if a.product {
		p, dp = f.array(), f.array()
		p = f.At(p, f.Mul(f.tile, f.length), 4)
		heads := f.Mul(ptx.Int(a.heads), f.length)
		dp = f.At(dp, f.Mul(f.Add(f.Mul(f.group, heads), f.tile), f.length), 4)
	}
	first, row := f.group, a.features()*line
	f.For(first, groups, slots, func(group ptx.U32) {
		tensor := func(n, features int) ptx.U64 { return f.of(base[n], features, group) }
		head := func(t ptx.U64) ptx.U64 { return f.At(t, h, a.width*line) }
		k, v := head(tensor(1, a.features())), head(tensor(2, a.features()))
		q := f.loads(f.At(head(tensor(0, a.features())), i, row), 0, a.width)
		dz := f.loads(f.At(a.headOfZ(f, tensor(3, a.out()), h), i, a.out()*line), 0, a.width)
		var top, scale, mean ptx.F32
		pair := func(j ptx.U32) (attention, t, g ptx.F32) {
			attention = a.attention(f, a.score(f, q, f.At(k, j, row)), top, scale)
			t = dot(f.Kernel, dz, f.loads(f.At(v, j, row), 0, a.width))
			g = t
			if a.product {
				g = f.Times(t, f.Load(f.At(p, j, 4), 0))
			}
			return attention, t, g
		}
		if a.softmax {
			kept := f.At(f.At(tensor(5, stats*a.heads), i, stats*a.heads*line), h, stats*line)
			top, scale = f.Load(kept, statTop*line), f.Load(kept, statScale*line)
			mean = f.Copy(zero)
			f.For(ptx.Int(0), end, next, func(j ptx.U32) {
				attention, _, g := pair(j)
				f.FmaTo(mean, attention, g)
			})
			f.Store(kept, statMean*line, mean)
		}
		dq := zeros(f.Kernel, a.width)
		f.For(ptx.Int(0), end, next, func(j ptx.U32) {
			attention, t, g := pair(j)
			if a.product {
				sum := allLanes(f.Kernel, f.Times(attention, t))
				f.If(f.Equal(f.lane, ptx.Int(0)), func() {
					at := f.At(dp, j, 4)
					before := f.Choose(f.Equal(group, first), zero, f.Load(at, 0))
					f.Store(at, 0, f.Plus(before, sum))
				})
			}
			if a.softmax {
				g = f.Times(attention, f.Minus(g, mean))
			}
			addTo(f.Kernel, dq, g, f.loads(f.At(k, j, row), 0, a.width))
		})
		for c := range dq {
			dq[c] = f.Times(dq[c], attentionScale(a.width))
		}
		f.stores(f.At(head(tensor(4, a.features())), i, row), 0, dq)
	})
	return f.Kernel
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

// keyKernel has the parameters q, k, v, dz, dk, dv, stats and p, of which it writes dk,
// dv or both. A tile is a head and a token j.
func (a attend) keyKernel() *ptx.Kernel {
	f := begin(a.keyName())
	h, j := f.Div(f.tile, f.length), f.Rem(f.tile, f.length)
	head := func(t ptx.U64) ptx.U64 { return f.At(t, h, a.width*line) }
	row := a.features() * line
	qs, ks, vs := head(f.tensor(a.features())), head(f.tensor(a.features())),
		head(f.tensor(a.features()))
	dzs := a.headOfZ(f, f.tensor(a.out()), h)
	dks, dvs := head(f.tensor(a.features())), head(f.tensor(a.features()))
	kept := f.At(f.tensor(stats*a.heads), h, stats*line)
	var p ptx.U64
	if a.product { // p_ij for i = 0
		p = f.At(f.array(), f.Add(f.Mul(f.Mul(h, f.length), f.length), j), 4)
	}
	k := f.loads(f.At(ks, j, row), 0, a.width)
	var v, dk, dv []ptx.F32
	if a.keys {
		v, dk = f.loads(f.At(vs, j, row), 0, a.width), zeros(f.Kernel, a.width)
	}
	if a.values {
		dv = zeros(f.Kernel, a.width)
	}
	f.For(j, f.length, next, func(i ptx.U32) {
		q := f.loads(f.At(qs, i, row), 0, a.width)
		dz := f.loads(f.At(dzs, i, a.out()*line), 0, a.width)
		attention := f.Times(dot(f.Kernel, q, k), attentionScale(a.width))
		var mean ptx.F32
		if a.softmax {
			at := f.At(kept, i, stats*a.heads*line)
			attention = a.attention(f, attention, f.Load(at, statTop*line), f.Load(at, statScale*line))
			mean = f.Load(at, statMean*line)
		}
		weight, position := attention, ptx.F32("")
		if a.product {
			position = f.Load(f.At(p, f.Mul(i, f.length), 4), 0)
			weight = f.Times(attention, position)
		}
		if a.values {
			addTo(f.Kernel, dv, weight, dz)
		}
		if !a.keys {
			return
		}
		g := dot(f.Kernel, dz, v)
		if a.product {
			g = f.Times(g, position)
		}
		if a.softmax {
			g = f.Times(attention, f.Minus(g, mean))
		}
		addTo(f.Kernel, dk, g, q)
	})
	for c := range dk {
		dk[c] = f.Times(dk[c], attentionScale(a.width))
	}
	f.stores(f.At(dks, j, row), 0, dk)
	f.stores(f.At(dvs, j, row), 0, dv)
	return f.Kernel
}
