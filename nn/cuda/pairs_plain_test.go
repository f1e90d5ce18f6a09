package cuda

import (
	"math"

	"icar/nn"
)

// pairModel is a model of one layer in float64, head by head: M, U, P and what is behind.
type pairModel struct {
	nn.Config
	e, n                   int
	m, u, p                []float64 // (H, E, E), (H, D, E), (H, T, T)
	bias, gamma, beta, out []float64 // (D), (D), (D), (c, D+1)
}

// zero is a gradient of the model that has not begun.
func (m pairModel) zero() pairModel {
	like := func(v []float64) []float64 { return make([]float64, len(v)) }
	m.m, m.u, m.p, m.bias = like(m.m), like(m.u), like(m.p), like(m.bias)
	m.gamma, m.beta, m.out = like(m.gamma), like(m.beta), like(m.out)
	return m
}

// gradient returns that on a batch, and the sum of squared errors.
func (m pairModel) gradient(b nn.Batch[float32]) (g pairModel, sum float64) {
	g = m.zero()
	for n := range m.n {
		sum += m.sequence(g, b.X[n*m.Length*m.Width:], b.Y[n*m.Length*m.Coords:])
	}
	return g, sum
}

// sequence adds the gradient on one.
func (m pairModel) sequence(g pairModel, x, y []float32) (squares float64) {
	d, e, length := m.Embed, m.e, m.Length
	token := make([][]float64, length)
	for i := range token {
		for c := range m.Width {
			token[i] = append(token[i], float64(x[i*m.Width+c]))
		}
		token[i] = append(token[i], 1)
	}
	s := make([]float64, m.Heads*length*length) // s_hij
	for i := range length {
		o := append([]float64{}, m.bias...)
		for h := range m.Heads {
			sum := make([]float64, e) // Σ_j a_ij x̃_j
			for j := range i + 1 {
				a := 0.0
				for b, v := range token[j] {
					for c, w := range token[i] {
						a += v * m.m[(h*e+b)*e+c] * w
					}
				}
				s[(h*length+i)*length+j] = a
				for b, v := range token[j] {
					sum[b] += a * m.p[(h*length+i)*length+j] * v
				}
			}
			for r := range d {
				for b, v := range sum {
					o[r] += m.u[(h*d+r)*e+b] * v
				}
			}
		}
		square, do := m.ends(g, o, token[i], y[i*m.Coords:])
		squares += square
		for h := range m.Heads {
			for j := range i + 1 {
				at := (h*length+i)*length + j
				t := 0.0 // of x̃_j in the direction of do
				for r, v := range do {
					for b, w := range token[j] {
						t += v * m.u[(h*d+r)*e+b] * w
						g.u[(h*d+r)*e+b] += v * w * s[at] * m.p[at]
					}
				}
				g.p[at] += s[at] * t
				for b, v := range token[j] {
					for c, w := range token[i] {
						g.m[(h*e+b)*e+c] += t * m.p[at] * v * w
					}
				}
			}
		}
	}
	return squares
}

// ends goes from o to the loss and back, and returns the gradient of o.
func (m pairModel) ends(g pairModel, o, token []float64, target []float32) (
	square float64, do []float64) {
	d := m.Embed
	y, normal, rstd := append([]float64{}, o...), make([]float64, d), 0.0
	if m.Norm {
		mean, variance := 0.0, 0.0
		for _, v := range o {
			mean += v / float64(d)
		}
		for _, v := range o {
			variance += (v - mean) * (v - mean) / float64(d)
		}
		rstd = 1 / math.Sqrt(variance+normEpsilon)
		for r, v := range o {
			normal[r] = (v - mean) * rstd
			y[r] = m.gamma[r]*normal[r] + m.beta[r]
		}
	}
	if m.Residual {
		for r := range y {
			y[r] += token[r%m.Width]
		}
	}
	dy := make([]float64, d)
	for c := range m.Width {
		row, grad := m.out[c*(d+1):][:d+1], g.out[c*(d+1):][:d+1]
		sum := row[d]
		for r, v := range y {
			sum += row[r] * v
		}
		if c >= m.Coords {
			continue
		}
		e := sum - float64(target[c])
		square += e * e
		e *= 2 / float64(m.n*m.Length*m.Coords)
		for r := range dy {
			dy[r] += e * row[r]
			grad[r] += e * y[r]
		}
		grad[d] += e
	}
	do = dy
	if m.Norm {
		mean, along := 0.0, 0.0
		for r, v := range dy {
			g.gamma[r] += v * normal[r]
			g.beta[r] += v
			mean += v * m.gamma[r] / float64(d)
			along += v * m.gamma[r] * normal[r] / float64(d)
		}
		do = make([]float64, d)
		for r, v := range dy {
			do[r] = rstd * (v*m.gamma[r] - mean - normal[r]*along)
		}
	}
	for r, v := range do {
		g.bias[r] += v
	}
	return square, do
}
