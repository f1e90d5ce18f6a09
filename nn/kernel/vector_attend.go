//go:build amd64 || arm64

package kernel

import "icar/nn/kernel/constant"

// Attend implements Kernel.
func (k assembly) Attend(y, z, x, p Matrix, scratch Panel) {
	e, n := x.Cols, x.Rows
	if e < 2 || e > constant.MostEntries {
		attend(k, y, z, x, p, scratch)
		return
	}
	for _, m := range []Matrix{y, z, x} {
		m.check(Lanes)
	}
	p.check(1)
	k.attendRows(e, &y.Data[0], &z.Data[0], &x.Data[0], &p.Data[0], n, p.Row*bytes)
}

// AttendBackward implements Kernel.
func (k assembly) AttendBackward(a, dp, z, v, x, p Matrix, scratch Panel) {
	e := x.Cols
	if e < 2 || e > constant.MostEntries {
		attendBackward(k, a, dp, z, v, x, p, scratch)
		return
	}
	x.check(Lanes)
	for i := 0; i < a.Rows; i += PanelRows {
		rows := min(PanelRows, a.Rows-i)
		d := scratch.Causal(scratch.T, i, rows)
		for r := range rows {
			n := i + r + 1
			q, slope, weights := scratch.Q[:n*Lanes], d.row(r), p.numbers(n-1)
			k.attendBackwardRow(e, &q[0], &slope[0], &z.row(n - 1)[0], &v.row(n - 1)[0],
				&x.Data[0], &weights[0], n)
			k.sum(&dp.numbers(n - 1)[0], &q[0], n)
		}
		d.ClearAbove(i)
		k.Mul(a.SliceRows(i, rows), d, x.SliceRows(0, d.Cols), false)
	}
}
