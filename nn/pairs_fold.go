package nn

// Shapes: T time, D embed, H heads, E folded input, S monomials, O outputs, R numbers
// of a tensor.

import (
	"context"

	"icar/nn/kernel"
)

// pairFold is the heads of a layer as pairs needs them, with their gradients. There are
// heads of zeros where H is no multiple of 16.
type pairFold struct {
	m, u, dm, du []float32     // (H, E, E), (H, D, E), see folded
	p, dp        kernel.Matrix // (pairs, H/16) entries: the positions
	r, dr        kernel.Matrix // (H, R/16) entries: r_h
	turned       kernel.Matrix // (R, H/16) entries: the same, a register along the heads
	dpos         []float32     // (H/16, T, D) the parts of 16 heads
}

// newPairFold makes room for the forward.
func newPairFold(s pairShape) pairFold {
	return pairFold{
		m: make([]float32, s.heads*s.e*s.e), u: make([]float32, s.heads*s.embed*s.e),
		p: entries(s.pairs(), s.blocks), r: entries(s.blocks*kernel.Lanes, s.entries()),
		turned: entries(s.size(), s.blocks),
	}
}

// forGradient makes room for the backward.
func (p *pairs) forGradient() {
	f := &p.fold
	if f.dpos != nil {
		return
	}
	p.dt = make(pairTensors, len(p.t))
	f.dm, f.du = make([]float32, len(f.m)), make([]float32, len(f.u))
	f.dp, f.dr = entries(f.p.Rows, f.p.Cols), entries(f.r.Rows, f.r.Cols)
	f.dpos = make([]float32, p.blocks*p.length*p.embed)
}

// numbers returns the numbers of m's entries, a row a row.
func numbers(m kernel.Matrix) kernel.Matrix {
	return kernel.Matrix{Data: m.Data, Rows: m.Rows, Cols: m.Cols * kernel.Lanes,
		Row: m.Row * kernel.Lanes, Col: 1}
}

// numberRows returns count rows of a matrix of numbers from row i on.
func numberRows(m kernel.Matrix, i, count int) kernel.Matrix {
	m.Data, m.Rows = m.Data[i*m.Row:], count
	return m
}

// numberColumns returns count columns of a matrix of numbers from column j on.
func numberColumns(m kernel.Matrix, j, count int) kernel.Matrix {
	m.Data, m.Cols = m.Data[j*m.Col:], count
	return m
}

// dense returns tensors as a matrix (pairs, R/16) of entries.
func (t pairTensors) dense(s pairShape) kernel.Matrix {
	return kernel.Dense(t, s.pairs(), s.entries())
}

// Rows of a product that are one task: of pairs, as many as a tensor has entries or so,
// and of heads.
const (
	pairTask = 80
	headTask = 2 * kernel.Lanes
)

// foldPairs sets the tensors from M_h, U_h and the parameters of the positions.
func (e *Engine) foldPairs(ctx context.Context) error {
	p := e.pairs
	err := e.each(ctx, p.blocks, func(w *lanes, k int) {
		for h := k * kernel.Lanes; h < min((k+1)*kernel.Lanes, p.heads); h++ {
			p.foldHead(h)
		}
		p.turn(k)
		p.place(w, e.model.network, k)
	})
	if err != nil {
		return err
	}
	p.foldBase(e.weights.layers[0].base)
	weights, t := numbers(p.fold.p), p.t.dense(p.pairShape)
	return e.tasks(ctx, (t.Rows+pairTask-1)/pairTask, func(m *member, k int) {
		i := k * pairTask
		count := min(pairTask, t.Rows-i)
		m.folder.MulShared(t.SliceRows(i, count), numberRows(weights, i, count), p.fold.r, false)
	})
}

// head returns M_h (E, E) and U_h (D, E) by rows.
func (p *pairs) head(m, u []float32, h int) (mh, uh []float32) {
	square, tall := p.e*p.e, p.embed*p.e
	return m[h*square:][:square], u[h*tall:][:tall]
}

// foldHead writes r_h from M_h and U_h: with t_bc = U_h e_b (e_cᵀ M_h x̃_i), of monomial
// x_b x_c it has t_bc + t_cb, or t_bb. The rows of U_h come less the last one where there
// are fewer outputs than rows.
func (p *pairs) foldHead(h int) {
	m, u := p.head(p.fold.m, p.fold.u, h)
	e, last := p.e, u[(p.embed-1)*p.e:]
	if p.out < p.embed {
		for o := range p.out {
			axpy(u[o*e:][:e], -1, last)
		}
	}
	r := p.fold.r.Data[h*p.fold.r.Row*kernel.Lanes:]
	p.each(func(k, b, c int) {
		for o := range p.out {
			row := r[k*p.row+o*e:][:e]
			clear(row)
			axpy(row, u[o*e+b], m[c*e:][:e])
			if b != c {
				axpy(row, u[o*e+c], m[b*e:][:e])
			}
		}
	})
}

// turn writes block k of turned from r.
func (p *pairs) turn(k int) {
	from, to := p.fold.r, p.fold.turned
	row := from.Row * kernel.Lanes
	heads := from.Data[k*kernel.Lanes*row:]
	for n := range to.Rows {
		entry := to.Data[(n*to.Row+k)*kernel.Lanes:][:kernel.Lanes]
		for l := range entry {
			entry[l] = heads[l*row+n]
		}
	}
}

// foldBase sets base (O, E) = Σ_h U_h e (eᵀ M_h), e being the last unit vector.
func (p *pairs) foldBase(base []float32) {
	clear(base)
	last := p.e - 1
	for h := range p.heads {
		m, u := p.head(p.fold.m, p.fold.u, h)
		for o := range p.out {
			axpy(base[o*p.e:][:p.e], u[o*p.e+last], m[last*p.e:])
		}
	}
}

// unfoldTensors takes the gradient of the tensors back to r and to the positions:
// dp = dt rᵀ, dr = pᵀ dt.
func (e *Engine) unfoldTensors(ctx context.Context) error {
	p, f := e.pairs, e.pairs.fold
	positions := (f.p.Rows + pairTask - 1) / pairTask
	heads := (f.r.Rows + headTask - 1) / headTask
	dt := p.dt.dense(p.pairShape)
	return e.tasks(ctx, positions+heads, func(m *member, k int) {
		w := &m.folder
		if k < positions {
			i := k * pairTask
			count := min(pairTask, f.p.Rows-i)
			w.MulShared(f.dp.SliceRows(i, count), numberRows(numbers(dt), i, count), f.turned, false)
			return
		}
		h := (k - positions) * headTask
		count := min(headTask, f.r.Rows-h)
		w.MulShared(f.dr.SliceRows(h, count), numberColumns(numbers(f.p), h, count).T(), dt, false)
	})
}

// unfoldPairs goes on to M_h and U_h, with the gradient of base, and sets them in g.
func (e *Engine) unfoldPairs(ctx context.Context, g *foldedLayer) error {
	p := e.pairs
	g.m, g.u = p.fold.dm, p.fold.du
	return e.tasks(ctx, p.blocks, func(_ *member, k int) {
		for h := k * kernel.Lanes; h < min((k+1)*kernel.Lanes, p.heads); h++ {
			p.unfoldHead(h, g.base)
		}
	})
}

// unfoldHead is foldHead and foldBase back, for head h.
func (p *pairs) unfoldHead(h int, base []float32) {
	m, u := p.head(p.fold.m, p.fold.u, h)
	dm, du := p.head(p.fold.dm, p.fold.du, h)
	clear(dm)
	clear(du)
	e := p.e
	back := func(row []float32, o, b, c int) { // of U_h e_b (e_cᵀ M_h)
		du[o*e+b] += dot(row, m[c*e:])
		axpy(dm[c*e:][:e], u[o*e+b], row)
	}
	r := p.fold.dr.Data[h*p.fold.dr.Row*kernel.Lanes:]
	p.each(func(k, b, c int) {
		for o := range p.out {
			row := r[k*p.row+o*e:][:e]
			back(row, o, b, c)
			if b != c {
				back(row, o, c, b)
			}
		}
	})
	for o := range p.out {
		back(base[o*e:][:e], o, e-1, e-1)
	}
	if p.out < p.embed {
		last := du[(p.embed-1)*e:]
		for o := range p.out {
			axpy(last, -1, du[o*e:][:e])
		}
	}
}
