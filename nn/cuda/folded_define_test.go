package cuda

import (
	"math"

	"icar/nn"
)

// define returns the folded weights and the packed positions of parameters by their
// definition, in float64.
func (r foldedRig) define(theta []float64) (weights []float64, positions [][]float64) {
	c, d, f := r.c.config, r.c.config.Embed, r.m.layout
	weights = make([]float64, f.numbers)
	tensor := func(l int, name string) []float64 {
		if l >= 0 {
			name = layerName(l, name)
		}
		return theta[r.plan.parameters[name]:]
	}
	for l := range c.Depth {
		y := f.layer(l)
		// column is W̃ of a head times unit vector i, which is a token, repeated, or 1.
		column := func(w, bias []float64, h, i int) []float64 {
			if i == y.e-1 {
				return bias[h*d:][:d]
			}
			out := make([]float64, d)
			for o := range out {
				for k := i; k < d; k += y.e - 1 {
					out[o] += w[(h*d+o)*d+k]
				}
			}
			return out
		}
		wq, bq := tensor(l, "q.weight"), tensor(l, "q.bias")
		wk, bk := tensor(l, "k.weight"), tensor(l, "k.bias")
		wv, bv, wo := tensor(l, "v.weight"), tensor(l, "v.bias"), tensor(l, "o.weight")
		for h := range c.Heads {
			var q, k [][]float64
			for i := range y.e {
				q, k = append(q, column(wq, bq, h, i)), append(k, column(wk, bk, h, i))
			}
			for n := range y.e {
				for m := range y.e {
					weights[y.m+(h*y.e+n)*padded(y.e)+m] = inner(k[n], q[m]) / math.Sqrt(float64(d))
				}
				value := column(wv, bv, h, n)
				for o := range d {
					weights[y.u+(h*y.e+n)*padded(d)+o] = inner(value, wo[o*d:])
				}
			}
		}
		copy(weights[y.o:][:d], tensor(l, "o.bias"))
		if c.Norm {
			copy(weights[y.gamma:][:d], tensor(l, "norm.weight"))
			copy(weights[y.beta:][:d], tensor(l, "norm.bias"))
		}
		if c.MLP > 0 {
			up, bias, down := tensor(l, "up.weight"), tensor(l, "up.bias"), tensor(l, "down.weight")
			for m := range c.MLP * d {
				copy(weights[y.up+m*padded(d+1):][:d], up[m*d:])
				weights[y.up+m*padded(d+1)+d] = bias[m]
				for o := range d {
					weights[y.down+m*padded(d)+o] = down[o*c.MLP*d+m]
				}
			}
			copy(weights[y.downBias:][:d], tensor(l, "down.bias"))
		}
		if c.Position == nn.ProductPosition {
			positions = append(positions, r.definePositions(tensor, l))
		}
	}
	out, bias, pos := tensor(-1, "out.weight"), tensor(-1, "out.bias"), tensor(-1, "pos")
	for o := range c.Width {
		copy(weights[f.out+o*padded(d+1):][:d], out[o*d:])
		weights[f.out+o*padded(d+1)+d] = bias[o]
	}
	if c.Position == nn.AdditivePosition {
		for i := range r.c.t {
			copy(weights[f.pos+i*padded(d):][:d], pos[i*d:])
		}
	}
	return weights, positions
}

// definePositions are the softmax of scores of the position vectors, packed.
func (r foldedRig) definePositions(tensor func(l int, name string) []float64, l int) []float64 {
	d, p := r.c.config.Embed, make([]float64, r.m.packing.number())
	wq, bq, wk, bk := tensor(l, "q.weight"), tensor(l, "q.bias"), tensor(l, "k.weight"),
		tensor(l, "k.bias")
	vectors := tensor(-1, "pos")
	vector := func(w, b []float64, h, i int) []float64 {
		out, pos := make([]float64, d), vectors[i*d:][:d]
		for o := range out {
			out[o] = b[h*d+o] + inner(pos, w[(h*d+o)*d:])
		}
		return out
	}
	for h := range r.c.config.Heads {
		var keys [][]float64
		for i := range r.c.t {
			keys = append(keys, vector(wk, bk, h, i))
			query, sum, row := vector(wq, bq, h, i), 0.0, make([]float64, len(keys))
			for j, key := range keys {
				row[j] = math.Exp(inner(query, key) / math.Sqrt(float64(d)))
				sum += row[j]
			}
			for j, e := range row {
				p[r.m.packing.index(h, i, j)] = e / sum
			}
		}
	}
	return p
}

func inner(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
