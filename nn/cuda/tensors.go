package cuda

// Shapes: G groups of 32 sequences, T time, D embed, H heads, M hidden units, c width;
// all tensors (G, T, features, 32).

import "icar/nn"

// layerTensors is what the forward of a layer leaves for the backward. Where the
// configuration has no norm, skip or MLP, the tensor after it is the tensor before it.
type layerTensors struct {
	norm    normTensors // after the mixer, or before it
	q, k, v span        // (H·D) or, of split heads, (D)
	stats   span        // (3H) of a softmax
	p       span        // (H, T, T) of a product position
	z, o    span        // (D) before and after the output matrix
	r       span        // (D) after the skip connection
	inner   normTensors // before the MLP
	pre     span        // (M) of a GELU
	hidden  span        // (M)
}

// normTensors is that of a layer norm.
type normTensors struct {
	normal, rstd, y span // (D), (1), (D)
}

// backTensors are gradients: with respect to the output of a layer, and to what stands
// for it in the layer.
type backTensors struct {
	output     span // (c)
	x, n       span // (D)
	z, q, k, v span
	hidden     span
	dp         span // (slots, H, T, T)
	dpSum      span // (H, T, T)
	dpSlots    int
}

// placeTensors are those of the position vectors, whose sequences are places.
type placeTensors struct {
	groups    int
	pos, dpos span   // (D)
	q, k      []span // (H·D), one a layer
	dq, dk    span
	mean      span // (H, T)
}

// split returns whether the heads share D.
func split(c nn.Config) bool { return c.Mixer == nn.MultiHead{}.Name() }

// attention is that of the model, for the batches of p.
func (p *plan) attention() attend {
	c := p.config
	a := attend{heads: c.Heads, width: c.Embed, softmax: c.Attention == nn.SoftmaxAttention,
		product: c.Position == nn.ProductPosition}
	if split(c) {
		a.split, a.width = true, c.Embed/c.Heads
	}
	return a.sized(p.groups, p.t, p.busy)
}

// dpNumbers is about how many numbers the slots of dp may take.
const dpNumbers = 1 << 26

// allot takes up the memory of all tensors.
func (p *plan) allot() {
	c, a := p.config, p.attention()
	d, hidden := c.Embed, c.MLP*c.Embed
	pairs := c.Heads * p.t * p.t
	normed := func() normTensors { return normTensors{p.tensor(d), p.tensor(1), p.tensor(d)} }
	p.x = []span{p.tensor(d)}
	for range c.Depth {
		l := layerTensors{q: p.tensor(a.features()), k: p.tensor(a.features()),
			v: p.tensor(a.features()), z: p.tensor(a.out())}
		l.stats = l.z // of which none are kept
		if a.softmax {
			l.stats = p.tensor(stats * c.Heads)
		}
		if a.product {
			l.p = p.numbers(pairs)
		}
		l.o = p.tensor(d)
		l.r = l.o
		if c.Norm {
			l.norm = normed()
			if !c.PreNorm {
				l.r = l.norm.y
			}
		}
		out := l.r
		if c.MLPNorm {
			l.inner = normed()
		}
		if c.MLP > 0 {
			l.hidden, out = p.tensor(hidden), p.tensor(d)
			if c.Activation == nn.GELU {
				l.pre = p.tensor(hidden)
			}
		}
		p.layers, p.x = append(p.layers, l), append(p.x, out)
	}
	if c.FinalNorm {
		p.final = normed()
	}
	if a.parts > 1 && !a.split {
		p.zParts = p.tensor(a.parts * a.width)
	}
	p.output, p.errors = p.tensor(c.Width), p.tensor(1)
	p.back = backTensors{output: p.tensor(c.Width), x: p.tensor(d), n: p.tensor(d),
		z: p.tensor(a.out()), q: p.tensor(a.features()), k: p.tensor(a.features()),
		v: p.tensor(a.features()), dpSlots: p.groups}
	if c.MLP > 0 {
		p.back.hidden = p.tensor(hidden)
	}
	if a.product {
		p.allotPlaces(a, pairs)
	}
}

// allotPlaces takes up that of a product position.
func (p *plan) allotPlaces(a attend, pairs int) {
	p.back.dpSlots = min(p.groups, max(1, dpNumbers/pairs))
	p.back.dp, p.back.dpSum = p.zeros(p.back.dpSlots*pairs), p.numbers(pairs)
	groups := (p.t + 31) / 32
	tensor := func(features int) span { return p.numbers(groups * features * 32) }
	q := &p.place
	q.groups, q.pos, q.dpos = groups, tensor(a.width), tensor(a.width)
	for range p.config.Depth {
		q.q, q.k = append(q.q, tensor(a.features())), append(q.k, tensor(a.features()))
	}
	q.dq, q.dk, q.mean = tensor(a.features()), tensor(a.features()), p.numbers(a.heads*p.t)
}
