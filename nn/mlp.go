package nn

// Shapes: T time, D embed, M hidden; x, y (T, D), pre, hidden (T, M).

import "math"

// mlp is y = W_down φ(W_up x + b_up) + b_down on every row. The skip connection
// around it is always there, see layer: Config.Residual is about the mixer.
type mlp[F Float] struct {
	up, down Linear[F]
}

// forward writes y, and the hidden units before and after φ for the backward.
// pre may be hidden where φ is the relu, which needs only what it returned.
func (m mlp[F]) forward(phi Activation, y, hidden, pre, x []F) {
	m.up.Forward(pre, x)
	for i, v := range pre {
		hidden[i] = activate(phi, v)
	}
	m.down.Forward(y, hidden)
}

// backward adds to dx and to grad from dy; dhidden is scratch.
func (m mlp[F]) backward(phi Activation, dx []F, grad mlp[F], dy, dhidden, hidden, pre, x []F) {
	clear(dhidden)
	m.down.Backward(dhidden, grad.down, dy, hidden)
	for i, v := range pre {
		dhidden[i] = activateBackward(phi, dhidden[i], v)
	}
	m.up.Backward(dx, grad.up, dhidden, x)
}

// activate returns φ(x), NaN of NaN.
func activate[F Float](phi Activation, x F) F {
	switch {
	case phi == GELU:
		return F(float64(x) * normalCDF(float64(x)))
	case x < 0:
		return 0
	}
	return x
}

// activateBackward returns the gradient d of φ(x) taken back to x. Of a relu x
// may be φ(x): both are 0 for the same x, or have the same sign.
func activateBackward[F Float](phi Activation, d, x F) F {
	switch {
	case phi == GELU: // (x Φ(x))' = Φ(x) + x φ(x), φ the normal density
		v := float64(x)
		return d * F(normalCDF(v)+v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi))
	case x <= 0:
		return 0
	}
	return d
}

// normalCDF is Φ(x), the distribution function of a standard normal.
func normalCDF(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
