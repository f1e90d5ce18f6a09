package kernel

// PanelRows is the number of rows of scores that exist at a time.
const PanelRows = 8

// Panel is room for causal scores of some rows, their gradients and those of
// their weights.
type Panel struct {
	S, T, Q []float32 // (PanelRows, T) entries each
	length  int
}

// NewPanel returns room for sequences of a length.
func NewPanel(length int) Panel {
	room := func() []float32 { return make([]float32, min(PanelRows, length)*length*Lanes) }
	return Panel{room(), room(), room(), length}
}

// Causal returns what s, one of the panel's, holds of rows [i, i+rows) of the
// scores: columns up to the last causal one.
func (p Panel) Causal(s []float32, i, rows int) Matrix {
	return Matrix{s, rows, i + rows, p.length, 1}
}

// SliceRows returns count rows of a matrix of vectors from row i on.
func (m Matrix) SliceRows(i, count int) Matrix { return m.Slice(i, 0, count, m.Cols) }

// numberRows is SliceRows of a matrix of plain numbers, and of its leading
// columns.
func (m Matrix) numberRows(i, rows, cols int) Matrix {
	return Matrix{m.Data[i*m.Row:], rows, cols, m.Row, m.Col}
}

// attend is Attend by products of panels.
func attend(k Kernel, y, z, x, p Matrix, scratch Panel) {
	for i := 0; i < y.Rows; i += PanelRows {
		rows := min(PanelRows, y.Rows-i)
		s := scratch.Causal(scratch.S, i, rows)
		keys := x.SliceRows(0, s.Cols)
		k.Mul(s, z.SliceRows(i, rows), keys.T(), false)
		k.Weigh(s, p.numberRows(i, rows, s.Cols))
		s.ClearAbove(i)
		k.Mul(y.SliceRows(i, rows), s, keys, false)
	}
}

// attendBackward is AttendBackward by products of panels.
func attendBackward(k Kernel, a, dp, z, v, x, p Matrix, scratch Panel) {
	for i := 0; i < a.Rows; i += PanelRows {
		rows := min(PanelRows, a.Rows-i)
		s, t, q := scratch.Causal(scratch.S, i, rows), scratch.Causal(scratch.T, i, rows),
			scratch.Causal(scratch.Q, i, rows)
		keys := x.SliceRows(0, s.Cols)
		k.Mul(s, z.SliceRows(i, rows), keys.T(), false)
		k.Mul(t, v.SliceRows(i, rows), keys.T(), false)
		k.WeighBackward(q, s, t, p.numberRows(i, rows, s.Cols))
		t.ClearAbove(i)
		for r := range rows {
			k.Sum(dp.numbers(i + r)[:i+r+1], q.row(r))
		}
		k.Mul(a.SliceRows(i, rows), t, keys, false)
	}
}

// ClearAbove zeroes what is not causal in a panel whose first row is row i.
func (m Matrix) ClearAbove(i int) {
	for r := range m.Rows {
		clear(m.row(r)[(i+r+1)*Lanes:])
	}
}
