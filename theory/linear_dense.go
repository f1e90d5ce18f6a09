package theory

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/cblas128"
)

// Dense is LinearAttention of one head with complex (d, d) weight blocks, all
// of them trained:
//
//	prediction = Σ_t (Σ_bc s_{t-b}ᴴ M_{2c+b} s_{T-c}) (Σ_a V_a s_{t-a}).
type Dense struct {
	D int
	// M are the score blocks (d, d), M_{2c+b} between s_{t-b} and s_{T-c}.
	M [4][]complex128
	// V are the value blocks (d, d), V_a of s_{t-a}.
	V [2][]complex128
}

// NewDense returns weights 0 of width d.
func NewDense(d int) (*Dense, error) {
	if d < 1 {
		return nil, fmt.Errorf("width d = %d: use at least 1", d)
	}
	return newDense(d), nil
}

func newDense(d int) *Dense {
	m := &Dense{D: d}
	for _, block := range m.blocks() {
		*block = make([]complex128, d*d)
	}
	return m
}

// blocks returns the weight blocks in the order of Parameters.
func (m *Dense) blocks() []*[]complex128 {
	return []*[]complex128{&m.M[0], &m.M[1], &m.M[2], &m.M[3], &m.V[0], &m.V[1]}
}

// Predict implements LinearAttention.
func (m *Dense) Predict(s []complex128) []complex128 {
	out := make([]complex128, m.D)
	length := len(s) / m.D
	for t := 1; t <= length; t++ {
		score := complex128(0)
		for k, block := range m.M {
			b, c := k&1, k>>1
			projected := make([]complex128, m.D)
			addProduct(projected, block, token(s, m.D, length-c))
			score += inner(token(s, m.D, t-b), projected)
		}
		value := make([]complex128, m.D)
		for a, block := range m.V {
			addProduct(value, block, token(s, m.D, t-a))
		}
		for i, x := range value {
			out[i] += score * x
		}
	}
	return out
}

// InContextMap implements LinearAttention: Γ_c = Σ_ab V_a G_ab M_{2c+b}.
func (m *Dense) InContextMap(s []complex128) (current, previous []complex128) {
	d, g := m.D, prefixSumsOf(s, m.D)
	matrix := func(data []complex128) cblas128.General {
		return cblas128.General{Rows: d, Cols: d, Stride: d, Data: data}
	}
	maps := [2][]complex128{make([]complex128, d*d), make([]complex128, d*d)}
	for c := range maps {
		for a, value := range m.V {
			attended := make([]complex128, d*d)
			for b := range 2 {
				cblas128.Gemm(blas.NoTrans, blas.NoTrans, 1, matrix(g[a][b]), matrix(m.M[2*c+b]), 1,
					matrix(attended))
			}
			cblas128.Gemm(blas.NoTrans, blas.NoTrans, 1, matrix(value), matrix(attended), 1,
				matrix(maps[c]))
		}
	}
	return maps[0], maps[1]
}

// densePass holds what one position of Dense computes on the way to the
// prediction (forward) and back (backward), all (d).
type densePass struct {
	*Dense
	lagged [2][]complex128 // s_T and s_{T-1}
	q      [2][]complex128 // q_b = Σ_c M_{2c+b} s_{T-c}, the queries of the keys s_{t-b}
	z      [2][]complex128 // z_a = Σ_b G_ab q_b, the attended tokens s_{t-a}
	u, dq  []complex128
}

func newDensePass(m *Dense) *densePass {
	p := &densePass{Dense: m, u: make([]complex128, m.D), dq: make([]complex128, m.D)}
	for i := range 2 {
		p.q[i], p.z[i] = make([]complex128, m.D), make([]complex128, m.D)
	}
	return p
}

// forward adds the prediction Σ_a V_a z_a to out.
func (p *densePass) forward(g *prefixSums, current, previous, out []complex128) {
	p.lagged = [2][]complex128{current, previous}
	for b, q := range p.q {
		clear(q)
		for c, x := range p.lagged {
			addProduct(q, p.M[2*c+b], x)
		}
	}
	for a, z := range p.z {
		clear(z)
		for b, q := range p.q {
			addProduct(z, g[a][b], q)
		}
		addProduct(out, p.V[a], z)
	}
}

// backward adds the gradient of the weights to dm, given that of the
// prediction, dout: dV_a = dout z_aᴴ, dq_b = Σ_a G_abᴴ V_aᴴ dout and
// dM_{2c+b} = dq_b s_{T-c}ᴴ. A complex gradient is ∂L/∂Re + i ∂L/∂Im.
func (p *densePass) backward(g *prefixSums, dout []complex128, dm *Dense) {
	for a, z := range p.z {
		addOuter(dm.V[a], dout, z)
	}
	for b := range p.q {
		clear(p.dq)
		for a := range p.z {
			clear(p.u)
			addAdjointProduct(p.u, p.V[a], dout)
			addProduct(p.dq, g[b][a], p.u) // G_abᴴ = G_ba
		}
		for c, x := range p.lagged {
			addOuter(dm.M[2*c+b], p.dq, x)
		}
	}
}

// SampledLoss implements LinearAttention.
func (m *Dense) SampledLoss(batch [][]complex128, gradient []float64) float64 {
	pass, dm := newDensePass(m), newDense(m.D)
	residual := make([]complex128, m.D)
	loss, weight := 0.0, 1/float64(len(batch))
	for _, s := range batch {
		positions(s, m.D, func(g *prefixSums, current, previous, target []complex128) {
			for i, want := range target {
				residual[i] = -want
			}
			pass.forward(g, current, previous, residual)
			for i, r := range residual {
				loss += weight * squared(r)
				residual[i] = complex(2*weight, 0) * r
			}
			pass.backward(g, residual, dm)
		})
	}
	copy(gradient, dm.Parameters())
	return loss
}

// Parameters implements LinearAttention: M_0 … M_3, V_0, V_1.
func (m *Dense) Parameters() []float64 {
	x := make([]float64, 0, 12*m.D*m.D)
	for _, block := range m.blocks() {
		for _, z := range *block {
			x = append(x, real(z), imag(z))
		}
	}
	return x
}

// SetParameters implements LinearAttention.
func (m *Dense) SetParameters(x []float64) {
	for _, block := range m.blocks() {
		for i := range *block {
			(*block)[i] = complex(x[2*i], x[2*i+1])
		}
		x = x[2*len(*block):]
	}
}
