package nn

// Shapes: T time, D embed, M hidden; x, y (T, D), hidden (T, M).

// mlp is y = x + W_down relu(W_up x + b_up) + b_down on every row. Its skip
// connection is always there: Config.Residual is about the attention.
type mlp[F Float] struct {
	up, down Linear[F]
}

// forward writes y, and the hidden units after the relu for the backward.
func (m mlp[F]) forward(y, hidden, x []F) {
	m.up.Forward(hidden, x)
	for i, v := range hidden {
		if v < 0 { // so that NaN passes through and is found
			hidden[i] = 0
		}
	}
	m.down.Forward(y, hidden)
	for i, v := range x {
		y[i] += v
	}
}

// backward adds to dx and to grad from dy; dhidden is scratch. The derivative
// of the relu at 0 is taken as 0, as in PyTorch.
func (m mlp[F]) backward(dx []F, grad mlp[F], dy, dhidden, hidden, x []F) {
	clear(dhidden)
	m.down.Backward(dhidden, grad.down, dy, hidden)
	for i, v := range hidden {
		if v == 0 {
			dhidden[i] = 0
		}
	}
	for i, g := range dy {
		dx[i] += g
	}
	m.up.Backward(dx, grad.up, dhidden, x)
}
