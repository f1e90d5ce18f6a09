package nn

// Shapes: T time, D embed; x, y, x̂ (T, D), rstd (T), weight and bias (D).

import "math"

// normEpsilon is added to the variance, as in PyTorch.
const normEpsilon = 1e-5

// layerNorm is y = γ x̂ + β on every row, x̂ = (x - mean x)/√(var x + ε) with
// the biased variance, γ the weight and β the bias.
//
// Reference: Ba, Kiros, Hinton, "Layer normalization", arXiv 1607.06450.
type layerNorm[F Float] struct {
	weight, bias []F
}

// forward writes y, and x̂ and rstd = 1/√(var x + ε) for the backward.
func (n layerNorm[F]) forward(y, normal, rstd, x []F) {
	d := len(n.weight)
	for t := range rstd {
		x, y, normal := x[t*d:(t+1)*d], y[t*d:(t+1)*d], normal[t*d:(t+1)*d]
		var mean, variance F
		for _, v := range x {
			mean += v
		}
		mean /= F(d)
		for _, v := range x {
			variance += F((v - mean) * (v - mean))
		}
		rstd[t] = F(1 / math.Sqrt(float64(variance/F(d)+normEpsilon)))
		for i, v := range x {
			normal[i] = (v - mean) * rstd[t]
			y[i] = F(n.weight[i]*normal[i]) + n.bias[i]
		}
	}
}

// backward adds to dx and to grad from dy. With g = γ dy, and since x̂ has
// mean 0 and mean square var/(var + ε),
//
//	dx += rstd (g - mean g - x̂ mean(g x̂)), dγ += Σ_t dy x̂, dβ += Σ_t dy
func (n layerNorm[F]) backward(dx []F, grad layerNorm[F], dy, normal, rstd []F) {
	d := len(n.weight)
	for t := range rstd {
		dx, dy, normal := dx[t*d:(t+1)*d], dy[t*d:(t+1)*d], normal[t*d:(t+1)*d]
		var mean, along F
		for i, v := range dy {
			grad.weight[i] += F(v * normal[i])
			grad.bias[i] += v
			mean += F(n.weight[i] * v)
			along += F(n.weight[i] * v * normal[i])
		}
		mean /= F(d)
		along /= F(d)
		for i, v := range dy {
			dx[i] += F(rstd[t] * (F(n.weight[i]*v) - mean - F(normal[i]*along)))
		}
	}
}

// normed is what the forward of a layer norm leaves for its backward.
type normed[F Float] struct {
	y, normal, rstd []F // (T, D), (T, D), (T)
}

// newNormed makes room for length rows that are row numbers in all.
func newNormed[F Float](row, length int) normed[F] {
	return normed[F]{make([]F, row), make([]F, row), make([]F, length)}
}

func (a normed[F]) forward(n layerNorm[F], x []F) { n.forward(a.y, a.normal, a.rstd, x) }

func (a normed[F]) backward(n layerNorm[F], dx []F, grad layerNorm[F], dy []F) {
	n.backward(dx, grad, dy, a.normal, a.rstd)
}
