package nn

// Shapes: N sequences of a round in B blocks of 16, T time, E folded input, S monomials,
// O outputs. An entry is a vector of 16 lanes: of sequences, of tensors or of heads.

import (
	"context"
	"slices"

	"icar/nn/kernel"
)

// roundBlocks is the number of blocks of sequences that are together in a product: as
// many as there are in the paper's batch, and not more at any batch, for their memory.
const roundBlocks = 64

// pairs is the first layer of an Engine in the form of pairShape. Each of its products is
// over all sequences of a round, or over all heads, and each number of a result is
// added up in one task: no bits depend on who takes which.
type pairs struct {
	pairShape
	first, count int // of the round at work: its first sequence, B

	x      []float32 // (T, E, B) x̃
	second []float32 // (T, S, B) its monomials
	across []float32 // (N, T, S) the same, a register along the monomials
	o      []float32 // (T, O, B) the outputs, then their gradients

	t, dt pairTensors // of all pairs, and their gradient
	fold  pairFold    // the heads that they are made of
}

// pairTensors are numbers (pairs, S, row).
type pairTensors []float32

// newPairs makes room for the forward, as far as it does not depend on the batch.
func newPairs(c Config, length int) *pairs {
	s := newPairShape(c, length)
	return &pairs{pairShape: s, t: make(pairTensors, s.pairs()*s.size()), fold: newPairFold(s)}
}

// of returns the tensors of token i as a matrix of plain numbers (O·E, (i+1)·S).
func (t pairTensors) of(s pairShape, i int) kernel.Matrix {
	data := t[pair(i, 0)*s.size():]
	return kernel.Matrix{Data: data, Rows: s.maps, Cols: (i + 1) * s.monomial, Row: 1, Col: s.row}
}

// share lets weights have room for M_h and U_h of the first layer.
func (p *pairs) share(weights *folded) {
	if p != nil {
		weights.layers[0].m, weights.layers[0].u = p.fold.m, p.fold.u
	}
}

// wide returns a matrix (rows, B) of entries from row i on.
func (p *pairs) wide(data []float32, i, rows int) kernel.Matrix {
	step := stride(p.count)
	return kernel.Matrix{Data: data[i*step*kernel.Lanes:], Rows: rows, Cols: p.count,
		Row: step, Col: 1}
}

// column returns block k of a matrix from wide, as rows of cols.
func column(m kernel.Matrix, k, cols int) kernel.Matrix {
	return kernel.Matrix{Data: m.Data[k*kernel.Lanes:], Rows: m.Rows / cols, Cols: cols,
		Row: cols * m.Row, Col: m.Row}
}

// lengthwise returns the distance of two sequences in across, in entries.
func (p *pairs) lengthwise() int { return stride(entriesOf(p.length * p.monomial)) }

// entriesOf returns how many entries hold n numbers.
func entriesOf(n int) int { return (n + kernel.Lanes - 1) / kernel.Lanes }

// rounds calls f with the blocks of a round of b, from and to, for every round. In the
// form of pairs the first layer's outputs are there before f, and after it their gradient
// is taken back, if wanted; else all of b is one round.
func (e *Engine) rounds(ctx context.Context, b Batch[float32], gradient bool,
	f func(from, to int) error) error {
	p, blocks := e.pairs, blockCount(b.N)
	if p == nil {
		return f(0, blocks)
	}
	if gradient {
		p.forGradient()
	}
	for from := 0; from < blocks; from += roundBlocks {
		to := min(from+roundBlocks, blocks)
		p.first, p.count = from*kernel.Lanes, to-from
		p.room()
		err := e.tasks(ctx, p.count, func(_ *member, k int) { p.read(b, k) })
		if err == nil { // the longest sums first
			err = e.tasks(ctx, b.T, func(m *member, k int) { p.forward(&m.folder, b.T-1-k) })
		}
		if err == nil {
			err = f(from, to)
		}
		if err == nil && gradient {
			err = e.tasks(ctx, b.T, func(m *member, k int) { p.backward(&m.folder, b.T-1-k) })
		}
		if err != nil {
			return err
		}
	}
	if gradient {
		return e.unfoldTensors(ctx)
	}
	return nil
}

// room makes room for a round.
func (p *pairs) room() {
	column := p.length * stride(p.count) * kernel.Lanes
	for _, r := range []struct {
		to   *[]float32
		size int
	}{
		{&p.x, column * p.e}, {&p.second, column * p.monomial}, {&p.o, column * p.out},
		{&p.across, p.count * kernel.Lanes * p.lengthwise() * kernel.Lanes},
	} {
		*r.to = slices.Grow((*r.to)[:0], r.size)[:r.size]
	}
}

// read reads the tokens of block k of the round. After the batch its last sequence is
// repeated, see lanes.gather.
func (p *pairs) read(b Batch[float32], k int) {
	x, second := p.wide(p.x, 0, p.length*p.e), p.wide(p.second, 0, p.length*p.monomial)
	step, width := p.lengthwise()*kernel.Lanes, p.e-1
	for l := range kernel.Lanes {
		tokens := b.x(min(p.first+k*kernel.Lanes+l, b.N-1))
		along := p.across[(k*kernel.Lanes+l)*step:][:step]
		clear(along[p.length*p.monomial:])
		at := k*kernel.Lanes + l
		for t := range p.length {
			token := tokens[t*width:][:width]
			for i, v := range token {
				x.Data[(t*p.e+i)*x.Row*kernel.Lanes+at] = v
			}
			x.Data[(t*p.e+width)*x.Row*kernel.Lanes+at] = 1
			m := along[t*p.monomial:][:p.monomial]
			n := 0
			for b, v := range token {
				for _, u := range token[b:] {
					m[n] = v * u
					n++
				}
				m[n] = v
				n++
			}
			for n, v := range m {
				second.Data[(t*p.monomial+n)*second.Row*kernel.Lanes+at] = v
			}
		}
	}
}

// forward computes the outputs of token i, base left out:
//
//	y_i (O·E) = Σ_{j≤i} t_ij x̃_j x̃_jᵀ, o_i = y_i x̃_i
func (p *pairs) forward(w *folder, i int) {
	step := stride(p.count)
	w.packed = slices.Grow(w.packed[:0], p.maps*step*kernel.Lanes)[:p.maps*step*kernel.Lanes]
	y, x, o := p.wide(w.packed, 0, p.maps), p.wide(p.x, i*p.e, p.e), p.wide(p.o, i*p.out, p.out)
	t := p.t.of(p.pairShape, i)
	w.MulShared(y, t, p.wide(p.second, 0, t.Cols), false)
	for k := range p.count {
		w.Mul(column(o, k, 1), column(y, k, p.e), column(x, k, 1), false)
	}
}

// backward computes, or adds to, the gradient of the tensors of token i from those of
// its outputs:
//
//	dy_i = do_i ⊗ x̃_i, dt_ij = Σ dy_i ⊗ x̃_j x̃_jᵀ over sequences
func (p *pairs) backward(w *folder, i int) {
	step := stride(p.count)
	w.packed = slices.Grow(w.packed[:0], p.maps*step*kernel.Lanes)[:p.maps*step*kernel.Lanes]
	dy, x, do := p.wide(w.packed, 0, p.maps), p.wide(p.x, i*p.e, p.e), p.wide(p.o, i*p.out, p.out)
	for k := range p.count {
		w.Mul(column(dy, k, p.e), column(do, k, 1), column(x, k, 1).T(), false)
	}
	n, cols := p.count*kernel.Lanes, entriesOf((i+1)*p.monomial)
	size := p.maps * cols * kernel.Lanes
	w.product = slices.Grow(w.product[:0], size)[:size]
	w.MulShared(kernel.Dense(w.product, p.maps, cols),
		kernel.Matrix{Data: dy.Data, Rows: p.maps, Cols: n, Row: step * kernel.Lanes, Col: 1},
		kernel.Matrix{Data: p.across, Rows: n, Cols: cols, Row: p.lengthwise(), Col: 1}, false)
	to := p.dt.of(p.pairShape, i)
	turn(to, w.product, cols*kernel.Lanes, p.first > 0)
}

// turn writes, or adds, rows of a distance to the rows of dst, whose columns are theirs.
func turn(dst kernel.Matrix, rows []float32, distance int, add bool) {
	for from := 0; from < dst.Cols; from += kernel.Lanes { // a line of the cache at a time
		for col := from; col < min(from+kernel.Lanes, dst.Cols); col++ {
			to := dst.Data[col*dst.Col:][:dst.Rows]
			if !add {
				clear(to)
			}
			for r := range to {
				to[r] += rows[r*distance+col]
			}
		}
	}
}

// output adds the layer's outputs to w.o, in the block that starts at w.start.
func (p *pairs) output(w *lanes, base []float32, x kernel.Matrix) {
	to := w.o.Slice(0, 0, p.length, p.out)
	w.MulShared(to.T(), kernel.Dense(base, p.out, p.e), x.T(), true)
	w.Add(to, to, p.block(w))
}

// gradient keeps w.d, the gradient of the outputs, and adds to that of base.
func (p *pairs) gradient(w *lanes, dbase []float32, x kernel.Matrix) {
	d, to := w.d.Slice(0, 0, p.length, p.out), p.block(w)
	w.outer(dbase, d, x)
	for t := range p.length {
		for i := range p.out {
			copy(to.Slice(t, i, 1, 1).Data[:kernel.Lanes], d.Slice(t, i, 1, 1).Data)
		}
	}
}

// block returns the outputs (T, O) of the block that w works on.
func (p *pairs) block(w *lanes) kernel.Matrix {
	return column(p.wide(p.o, 0, p.length*p.out), (w.start-p.first)/kernel.Lanes, p.out)
}
