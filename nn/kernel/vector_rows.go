//go:build amd64 || arm64

package kernel

// The methods below call assembly on one row of a matrix at a time.

// Add implements Kernel.
func (k assembly) Add(dst, a, b Matrix) {
	b.check(Lanes)
	for i := range dst.Rows {
		sum, x, y := dst.row(i), a.row(i), b.Data[i*b.Row*Lanes:]
		k.addRow(&sum[0], &x[0], &y[0], dst.Cols, b.Col*Lanes*bytes)
	}
}

// Relu implements Kernel.
func (k assembly) Relu(x Matrix) {
	for i := range x.Rows {
		row := x.row(i)
		k.reluRow(&row[0], x.Cols)
	}
}

// ReluBackward implements Kernel.
func (k assembly) ReluBackward(dx, y Matrix) {
	for i := range dx.Rows {
		row, by := dx.row(i), y.row(i)
		k.reluBackwardRow(&row[0], &by[0], dx.Cols)
	}
}

// GELU implements Kernel.
func (k assembly) GELU(y, x Matrix) {
	for i := range x.Rows {
		to, from := y.row(i), x.row(i)
		k.geluRow(&to[0], &from[0], x.Cols)
	}
}

// GELUBackward implements Kernel.
func (k assembly) GELUBackward(dx, x Matrix) {
	for i := range x.Rows {
		to, from := dx.row(i), x.row(i)
		k.geluBackwardRow(&to[0], &from[0], x.Cols)
	}
}

// Weigh implements Kernel.
func (k assembly) Weigh(s, p Matrix) {
	for i := range s.Rows {
		row, weights := s.row(i), p.numbers(i)
		k.weighRow(&row[0], &weights[0], s.Cols)
	}
}

// WeighBackward implements Kernel.
func (k assembly) WeighBackward(q, s, t, p Matrix) {
	for i := range s.Rows {
		q, s, t, p, n := q.row(i), s.row(i), t.row(i), p.numbers(i), s.Cols
		k.weighBackwardRow(&q[0], &s[0], &t[0], &p[0], n)
	}
}

// Softmax implements Kernel.
func (k assembly) Softmax(s Matrix, first int) {
	for i := range s.Rows {
		row, n := s.row(i), first+i+1
		clear(row[n*Lanes:])
		k.softmaxRow(&row[0], n)
	}
}

// SoftmaxBackward implements Kernel.
func (k assembly) SoftmaxBackward(q, s, t, p Matrix, first int) {
	for i := range s.Rows {
		q, s, t, p, n := q.row(i), s.row(i), t.row(i), p.numbers(i), first+i+1
		clear(q[n*Lanes:])
		clear(s[n*Lanes:])
		clear(t[n*Lanes:])
		k.softmaxBackwardRow(&q[0], &s[0], &t[0], &p[0], n)
	}
}

// Norm implements Kernel.
func (k assembly) Norm(y, normal, rstd, x Matrix, gamma, beta []float32, epsilon float32) {
	scale, d := 1/float32(x.Cols), x.Cols
	_, _ = gamma[d-1], beta[d-1]
	for i := range x.Rows {
		y, normal, rstd, x := y.row(i), normal.row(i), rstd.row(i), x.row(i)
		k.normRow(&y[0], &normal[0], &rstd[0], &x[0], &gamma[0], &beta[0], d, scale, epsilon, 1)
	}
}

// NormBackward implements Kernel.
func (k assembly) NormBackward(dy, normal, rstd Matrix, gamma, dgamma, dbeta []float32) {
	scale, d := 1/float32(dy.Cols), dy.Cols
	_, _, _ = gamma[d-1], dgamma[d*Lanes-1], dbeta[d*Lanes-1]
	for i := range dy.Rows {
		dy, normal, rstd := dy.row(i), normal.row(i), rstd.row(i)
		k.normBackwardRow(&dy[0], &normal[0], &rstd[0], &gamma[0], &dgamma[0], &dbeta[0], d, scale)
	}
}
