package nn

// Shapes: T time, D embed, H heads, E folded input.

import "icar/nn/kernel"

// Attention where others help. Heads do not know of each other until their outputs are
// added, in the order of heads, and rows of scores do not until the gradients of tokens
// are. What is added up in an order is then cut along tokens or coordinates.

// panelCount returns the number of panels of rows of scores.
func (w *lanes) panelCount() int { return (w.length + kernel.PanelRows - 1) / kernel.PanelRows }

// attendCut returns how many parts a head is cut into and what each costs. The loop of
// narrow inputs takes a head whole.
func (w *lanes) attendCut(f *foldedLayer, y *layerLanes) (panels, cost int) {
	panels = w.panelCount()
	if w.config.Attention == LinearAttention && f.p != nil {
		panels = 1
	}
	return panels, w.headCost(f.e) / panels
}

// attendParts is attend in parts, of a panel of rows or of a head.
func (w *lanes) attendParts(f *foldedLayer, y *layerLanes, panels, cost int) {
	heads := len(y.y)
	w.each(heads*panels, cost, func(w *lanes, k int) {
		n := w.head(f, y, k%heads)
		if panels == 1 {
			w.queries(n)
			w.attendHead(n)
			return
		}
		i := (panels - 1 - k/heads) * kernel.PanelRows // the longest rows first
		w.queries(n.rows(i, min(kernel.PanelRows, w.length-i)))
		w.attendPanel(n, i)
	})
	w.outputs(f, y)
}

// outputs adds U y of all heads to w.o.
func (w *lanes) outputs(f *foldedLayer, y *layerLanes) {
	w.strip((w.count+5)/6, 6*len(y.y)*f.e*w.config.Embed, func(from, to int) {
		first, count := from*6, min(to*6, w.count)-from*6
		o := w.o.SliceRows(first, count)
		for h := range y.y {
			n := w.head(f, y, h)
			w.alone.MulShared(o.T(), n.u, n.y.SliceRows(first, count).T(), true)
		}
	})
}

// headCost is about what the forward of a head costs.
func (w *lanes) headCost(e int) int {
	seen := w.length
	if !w.config.quadratic(w.length) {
		seen = chunkSize
	}
	cost := w.count * e * (e + seen)
	if w.config.Attention == SoftmaxAttention {
		cost += costExp * w.length * w.length / 2
	}
	return cost
}

// rows returns the part of n that belongs to some tokens, which still see all.
func (n headLanes) rows(i, count int) headLanes {
	n.x, n.z, n.y = n.x.SliceRows(i, count), n.z.SliceRows(i, count), n.y.SliceRows(i, count)
	n.v, n.a = n.v.SliceRows(i, count), n.a.SliceRows(i, count)
	return n
}

// keepsScores returns whether all scores of a head may be kept.
func (w *lanes) keepsScores() bool {
	const room = 1 << 16 // scores, 4 MiB
	return w.length*w.length <= room
}

// panelCost is about what the backward of a panel costs.
func (w *lanes) panelCost(e int) int { return 2 * w.headCost(e) / w.panelCount() }

// backwardParts is headBackward in parts. All rows of scores are kept, T² of one head:
// tokens hear of them in their order.
func (w *lanes) backwardParts(n *headLanes, dp kernel.Matrix, du, dm []float32) {
	panels := w.panelCount()
	size := panels * kernel.PanelRows * w.length * kernel.Lanes
	if w.kept[0] == nil {
		w.kept[0], w.kept[1] = make([]float32, size), make([]float32, size)
	}
	scores := func(i int) (s, t kernel.Matrix) {
		rows := min(kernel.PanelRows, w.length-i)
		at := i * w.length * kernel.Lanes
		return kernel.Matrix{Data: w.kept[0][at:], Rows: rows, Cols: i + rows, Row: w.length, Col: 1},
			kernel.Matrix{Data: w.kept[1][at:], Rows: rows, Cols: i + rows, Row: w.length, Col: 1}
	}
	d := w.d
	w.each(panels, w.panelCost(n.x.Cols), func(w *lanes, k int) {
		i := (panels - 1 - k) * kernel.PanelRows
		s, t := scores(i)
		rows := n.rows(i, s.Rows)
		w.queries(rows)
		w.MulShared(rows.v.T(), n.u.T(), d.SliceRows(i, s.Rows).T(), false)
		w.panelBackward(*n, s, t, dp, i)
	})
	w.outer(du, w.d, n.y)
	w.outer(dm, n.a, n.x)
	back := without(n.m).T()
	w.strip((w.dx.Cols+2)/3, 3*w.length*(n.x.Cols+w.length), func(from, to int) {
		from, to = 3*from, min(3*to, w.dx.Cols)
		part, columns := *w, *n
		part.Kernel = w.alone
		dx := w.dx.Slice(0, from, w.length, to-from)
		columns.v = n.v.Slice(0, from, w.length, to-from)
		columns.z = n.z.Slice(0, from, w.length, to-from)
		for i := 0; i < w.length; i += kernel.PanelRows {
			s, t := scores(i)
			part.tokensBackward(columns, dx, s, t, i)
		}
		m := back
		m.Data, m.Rows = back.Data[from*back.Row:], to-from
		w.alone.MulShared(dx.T(), m, n.a.T(), true)
	})
}
