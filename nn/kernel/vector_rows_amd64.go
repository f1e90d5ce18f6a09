package kernel

// The methods below call the assembly of a width on one row.

func (k assembly) addRow(dst, a, b *float32, n, step int) {
	if k.wide {
		addAVX512(dst, a, b, n, step)
	} else {
		addAVX2(dst, a, b, n, step)
	}
}

func (k assembly) reluRow(x *float32, n int) {
	if k.wide {
		reluAVX512(x, n)
	} else {
		reluAVX2(x, n)
	}
}

func (k assembly) reluBackwardRow(dx, y *float32, n int) {
	if k.wide {
		reluBackwardAVX512(dx, y, n)
	} else {
		reluBackwardAVX2(dx, y, n)
	}
}

func (k assembly) weighRow(s, p *float32, n int) {
	if k.wide {
		weighAVX512(s, p, n)
	} else {
		weighAVX2(s, p, n)
	}
}

func (k assembly) weighBackwardRow(q, s, t, p *float32, n int) {
	if k.wide {
		weighBackwardAVX512(q, s, t, p, n)
	} else {
		weighBackwardAVX2(q, s, t, p, n)
	}
}

func (k assembly) softmaxRow(s *float32, n int) {
	if k.wide {
		softmaxAVX512(s, n)
	} else {
		softmaxAVX2(s, n)
	}
}

func (k assembly) softmaxBackwardRow(q, s, t, p *float32, n int) {
	if k.wide {
		softmaxBackwardAVX512(q, s, t, p, n)
	} else {
		softmaxBackwardAVX2(q, s, t, p, n)
	}
}

func (k assembly) normRow(y, normal, rstd, x, gamma, beta *float32, n int,
	scale, epsilon, one float32) {
	if k.wide {
		normAVX512(y, normal, rstd, x, gamma, beta, n, scale, epsilon, one)
	} else {
		normAVX2(y, normal, rstd, x, gamma, beta, n, scale, epsilon, one)
	}
}

func (k assembly) normBackwardRow(dy, normal, rstd, gamma, dgamma, dbeta *float32, n int,
	scale float32) {
	if k.wide {
		normBackwardAVX512(dy, normal, rstd, gamma, dgamma, dbeta, n, scale)
	} else {
		normBackwardAVX2(dy, normal, rstd, gamma, dgamma, dbeta, n, scale)
	}
}

func (k assembly) geluRow(y, x *float32, n int) {
	if k.wide {
		geluAVX512(y, x, n)
	} else {
		geluAVX2(y, x, n)
	}
}

func (k assembly) geluBackwardRow(dx, x *float32, n int) {
	if k.wide {
		geluBackwardAVX512(dx, x, n)
	} else {
		geluBackwardAVX2(dx, x, n)
	}
}
