package kernel

// mostEntries is the largest E that attention has assembly of its own for: z
// and y, or z and v, fill the registers. Larger ones go by panels.
const mostEntries = 6

// Attend implements Kernel.
func (k assembly) Attend(y, z, x, p Matrix, scratch Panel) {
	e, n := x.Cols, x.Rows
	if e < 2 || e > mostEntries {
		attend(k, y, z, x, p, scratch)
		return
	}
	for _, m := range []Matrix{y, z, x} {
		m.check(Lanes)
	}
	p.check(1)
	f := attendAVX2
	if k.wide {
		f = attendAVX512
	}
	f(e, &y.Data[0], &z.Data[0], &x.Data[0], &p.Data[0], n, p.Row*bytes)
}

// attendAVX2 calls the assembly for e.
func attendAVX2(e int, y, z, x, p *float32, rows, stride int) {
	switch e {
	case 2:
		attend2AVX2(y, z, x, p, rows, stride)
	case 3:
		attend3AVX2(y, z, x, p, rows, stride)
	case 4:
		attend4AVX2(y, z, x, p, rows, stride)
	case 5:
		attend5AVX2(y, z, x, p, rows, stride)
	case 6:
		attend6AVX2(y, z, x, p, rows, stride)
	}
}

// attendAVX512 calls the assembly for e.
func attendAVX512(e int, y, z, x, p *float32, rows, stride int) {
	switch e {
	case 2:
		attend2AVX512(y, z, x, p, rows, stride)
	case 3:
		attend3AVX512(y, z, x, p, rows, stride)
	case 4:
		attend4AVX512(y, z, x, p, rows, stride)
	case 5:
		attend5AVX512(y, z, x, p, rows, stride)
	case 6:
		attend6AVX512(y, z, x, p, rows, stride)
	}
}

// AttendBackward implements Kernel.
func (k assembly) AttendBackward(a, dp, z, v, x, p Matrix, scratch Panel) {
	e := x.Cols
	if e < 2 || e > mostEntries {
		attendBackward(k, a, dp, z, v, x, p, scratch)
		return
	}
	x.check(Lanes)
	f := attendBackwardAVX2
	if k.wide {
		f = attendBackwardAVX512
	}
	for i := 0; i < a.Rows; i += PanelRows {
		rows := min(PanelRows, a.Rows-i)
		d := scratch.Causal(scratch.T, i, rows)
		for r := range rows {
			n := i + r + 1
			q, slope, weights := scratch.Q[:n*Lanes], d.row(r), p.numbers(n-1)
			f(e, &q[0], &slope[0], &z.row(n - 1)[0], &v.row(n - 1)[0], &x.Data[0], &weights[0], n)
			sumAVX2(&dp.numbers(n - 1)[0], &q[0], n)
		}
		d.ClearAbove(i)
		k.Mul(a.SliceRows(i, rows), d, x.SliceRows(0, d.Cols), false)
	}
}

// attendBackwardAVX2 calls the assembly for e.
func attendBackwardAVX2(e int, q, d, z, v, x, p *float32, n int) {
	switch e {
	case 2:
		attendBackward2AVX2(q, d, z, v, x, p, n)
	case 3:
		attendBackward3AVX2(q, d, z, v, x, p, n)
	case 4:
		attendBackward4AVX2(q, d, z, v, x, p, n)
	case 5:
		attendBackward5AVX2(q, d, z, v, x, p, n)
	case 6:
		attendBackward6AVX2(q, d, z, v, x, p, n)
	}
}

// attendBackwardAVX512 calls the assembly for e.
func attendBackwardAVX512(e int, q, d, z, v, x, p *float32, n int) {
	switch e {
	case 2:
		attendBackward2AVX512(q, d, z, v, x, p, n)
	case 3:
		attendBackward3AVX512(q, d, z, v, x, p, n)
	case 4:
		attendBackward4AVX512(q, d, z, v, x, p, n)
	case 5:
		attendBackward5AVX512(q, d, z, v, x, p, n)
	case 6:
		attendBackward6AVX512(q, d, z, v, x, p, n)
	}
}
