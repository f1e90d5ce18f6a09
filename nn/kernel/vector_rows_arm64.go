package kernel

// The methods below call the assembly on one row.

func (assembly) addRow(dst, a, b *float32, n, step int) {
	addNEON(dst, a, b, n, step)
}

func (assembly) reluRow(x *float32, n int) {
	reluNEON(x, n)
}

func (assembly) reluBackwardRow(dx, y *float32, n int) {
	reluBackwardNEON(dx, y, n)
}

func (assembly) weighRow(s, p *float32, n int) {
	weighNEON(s, p, n)
}

func (assembly) weighBackwardRow(q, s, t, p *float32, n int) {
	weighBackwardNEON(q, s, t, p, n)
}

func (assembly) softmaxRow(s *float32, n int) {
	softmaxNEON(s, n)
}

func (assembly) softmaxBackwardRow(q, s, t, p *float32, n int) {
	softmaxBackwardNEON(q, s, t, p, n)
}

func (assembly) normRow(y, normal, rstd, x, gamma, beta *float32, n int,
	scale, epsilon, one float32) {
	normNEON(y, normal, rstd, x, gamma, beta, n, scale, epsilon, one)
}

func (assembly) normBackwardRow(dy, normal, rstd, gamma, dgamma, dbeta *float32, n int,
	scale float32) {
	normBackwardNEON(dy, normal, rstd, gamma, dgamma, dbeta, n, scale)
}

func (assembly) geluRow(y, x *float32, n int) {
	geluNEON(y, x, n)
}

func (assembly) geluBackwardRow(dx, x *float32, n int) {
	geluBackwardNEON(dx, x, n)
}
