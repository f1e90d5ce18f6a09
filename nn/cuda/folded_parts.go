package cuda

// Shapes: T time, D embed, c width, H heads, E folded input, M hidden units.

import (
	"icar/nn"
	"icar/nn/cuda/ptx"
)

// band is layers that are alike, so far apart that one is found from another: all of them,
// or the first, whose E is another, and the others.
type band struct {
	foldedLayer // of the first of them
	first       int
	count       int
	theta       map[string]int // places of the first one's parameters, by their names in the layer
	apart       int            // numbers from the parameters of a layer to those of the next
	foldedApart int            // numbers of folded weights
}

// foldedBands returns those of a model.
func (p *plan) foldedBands(f folded) []band {
	var list []band
	for l := range p.config.Depth {
		if n := len(list); n > 0 && list[n-1].e == f.layer(l).e {
			list[n-1].count++
			list[n-1].apart = p.parameters[layerName(l, "q.weight")] -
				p.parameters[layerName(l-1, "q.weight")]
			list[n-1].foldedApart = f.layer(l).m - f.layer(l-1).m
			continue
		}
		b := band{foldedLayer: f.layer(l), first: l, count: 1, theta: map[string]int{}}
		for _, name := range []string{"q", "k", "v", "o", "norm", "up", "down"} {
			for _, part := range []string{".weight", ".bias"} {
				b.theta[name+part] = p.parameters[layerName(l, name+part)]
			}
		}
		list = append(list, b)
	}
	return list
}

// part is numbers that are parameters and folded weights alike, in a table of so many rows
// and columns of the parameters.
type part struct {
	count              int // of tables, one a layer
	theta, apart       int // their places
	rows, cols         int
	at, row, col       int // the places of the folded weights, and how far apart they are
	foldedApart, still int // rows behind these that have no part in the model, for its length
}

// foldedParts returns all of them.
func (p *plan) foldedParts(f folded) []part {
	c := p.config
	d, hidden := c.Embed, c.MLP*c.Embed
	var list []part
	for _, b := range p.foldedBands(f) {
		add := func(present bool, name string, rows, cols, at, row, col int) {
			if present {
				list = append(list, part{b.count, b.theta[name], b.apart, rows, cols, at, row, col,
					b.foldedApart, 0})
			}
		}
		add(true, "o.bias", 1, d, b.o, 0, 1)
		add(c.Norm, "norm.weight", 1, d, b.gamma, 0, 1)
		add(c.Norm, "norm.bias", 1, d, b.beta, 0, 1)
		add(c.MLP > 0, "up.weight", hidden, d, b.up, padded(d+1), 1)
		add(c.MLP > 0, "up.bias", hidden, 1, b.up+d, padded(d+1), 0)
		add(c.MLP > 0, "down.weight", d, hidden, b.down, 1, padded(d))
		add(c.MLP > 0, "down.bias", 1, d, b.downBias, 0, 1)
	}
	list = append(list,
		part{1, p.parameters["out.weight"], 0, c.Width, d, f.out, padded(d + 1), 1, 0, 0},
		part{1, p.parameters["out.bias"], 0, c.Width, 1, f.out + d, padded(d + 1), 0, 0, 0})
	if c.Position == nn.AdditivePosition {
		list = append(list, part{1, p.parameters["pos"], 0, p.t, d, f.pos, padded(d), 1, 0,
			c.Length - p.t})
	}
	return list
}

// tiles is the number of blocks of a table.
func (t part) tiles() int { return blocksOf((t.rows + t.still) * t.cols) }

// each calls body with the places of every number, by one thread each, and for rows without
// a part in the model still with that of the parameter.
func (t part) each(b *blocks, block ptx.U32, body func(theta, at ptx.U32), still func(theta ptx.U32)) {
	layer, tile := b.split(block, t.tiles())
	i := b.Add(b.Mul(tile, ptx.Int(foldThreads)), b.thread)
	theta := b.cell(ptx.Int(t.theta), layer, t.apart, i, 1)
	b.If(b.Less(i, ptx.Int(t.rows*t.cols)), func() {
		row, col := b.split(i, t.cols)
		at := b.cell(ptx.Int(t.at), layer, t.foldedApart, row, t.row)
		body(theta, b.Add(at, b.Mul(col, ptx.Int(t.col))))
	})
	if t.still > 0 {
		behind := b.Both(b.AtLeast(i, ptx.Int(t.rows*t.cols)),
			b.Less(i, ptx.Int((t.rows+t.still)*t.cols)))
		b.If(behind, func() { still(theta) })
	}
}
