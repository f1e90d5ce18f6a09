package nn

// Shapes: T time, I in, O out; x (T, I), y (T, O), Weight (O, I), Bias (O).

// Linear is y = x Wᵀ + b on every row. A gradient with respect to a linear
// layer has the same form, so it is a Linear too.
type Linear[F Float] struct {
	Weight, Bias []F
}

// Forward writes y from x.
func (l Linear[F]) Forward(y, x []F) {
	out := len(l.Bias)
	in := len(l.Weight) / out
	for ; len(y) > 0; y, x = y[out:], x[in:] {
		row := x[:in]
		for o, b := range l.Bias {
			y[o] = b + dot(l.Weight[o*in:(o+1)*in], row)
		}
	}
}

// Backward adds to dx and to grad from dy; a nil dx is not wanted.
//
//	dx += dy W, dW += dyᵀ x, db += Σ_t dy_t
func (l Linear[F]) Backward(dx []F, grad Linear[F], dy, x []F) {
	out := len(l.Bias)
	in := len(l.Weight) / out
	for t := 0; t*out < len(dy); t++ {
		row := x[t*in : (t+1)*in]
		for o, g := range dy[t*out : (t+1)*out] {
			grad.Bias[o] += g
			axpy(grad.Weight[o*in:(o+1)*in], g, row)
		}
		if dx == nil {
			continue
		}
		for o, g := range dy[t*out : (t+1)*out] {
			axpy(dx[t*in:(t+1)*in], g, l.Weight[o*in:(o+1)*in])
		}
	}
}

// dot returns Σ_i x_i y_i, summed in order. Here and in all of the reference a
// product is rounded, by a conversion, before it is added: else the compiler may
// fuse the two on one architecture and not on another, and the bits would differ.
func dot[F Float](x, y []F) F {
	y = y[:len(x)]
	var sum F
	for i, v := range x {
		sum += F(v * y[i])
	}
	return sum
}

// axpy adds a·x to y.
func axpy[F Float](y []F, a F, x []F) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += F(a * v)
	}
}
