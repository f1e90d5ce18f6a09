package estimator

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// LinearAttention is one head of linear attention without layer norm, skip or
// biases, on the augmented tokens e_t = (0_d, s_t, s_{t-1}), s_0 = 0, whose zeros
// carry nothing: with z_t = (s_t, s_{t-1})
//
//	prediction = Σ_{t≤T} ⟨key_t, query_T⟩ value_t = V C_T M z_T,
//	C_T = Σ_{t≤T} z_t z_tᵀ,  key_t = z_t,  query_T = M z_T,  value_t = V z_t,
//
// where M is the product of the key and query matrices (Sander et al. 2024,
// with dense matrices). [GradientDescent] with K = 1 is V = (I 0),
// M = η[[0, 0], [I, 0]].
type LinearAttention struct {
	D int
	// V (d, 2d) reads values, M (2d, 2d) pairs keys with queries.
	V, M []float64
}

var _ Estimator = LinearAttention{}

// Name is "linear attention".
func (LinearAttention) Name() string { return "linear attention" }

// Start opens a sequence. It is an error if the weights have other shapes.
func (e LinearAttention) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	d := s.D
	if e.D != d || len(e.V) != 2*d*d || len(e.M) != 4*d*d {
		return nil, fmt.Errorf("linear attention has weights for d = %d (V of %d entries, M of %d), "+
			"and the sequence has d = %d: fit it on sequences of this dimension", e.D, len(e.V), len(e.M), d)
	}
	return &attention{
		memory: newMemory(d),
		v:      blas64.General{Rows: d, Cols: 2 * d, Stride: 2 * d, Data: e.V},
		m:      square(2*d, e.M),
		query:  make([]float64, 2*d),
		read:   make([]float64, 2*d),
		mixed:  make([]float64, 2*d*d),
	}, nil
}

// memory is what linear attention keeps of the tokens, O(d²) each.
type memory struct {
	d int
	z []float64      // (2d) the last token
	c blas64.General // (2d, 2d)
}

func newMemory(d int) *memory {
	return &memory{d: d, z: make([]float64, 2*d), c: square(2*d, make([]float64, 4*d*d))}
}

func (m *memory) add(token []float64) {
	copy(m.z[m.d:], m.z[:m.d])
	copy(m.z, token)
	blas64.Ger(1, vector(m.z), vector(m.z), m.c)
}

type attention struct {
	*memory
	v, m        blas64.General
	query, read []float64 // (2d) M z and C M z
	mixed       []float64 // (2d, d) work
}

func (a *attention) Next(prediction, token []float64) {
	a.add(token)
	blas64.Gemv(blas.NoTrans, 1, a.m, vector(a.z), 0, vector(a.query))
	blas64.Gemv(blas.NoTrans, 1, a.c, vector(a.query), 0, vector(a.read))
	blas64.Gemv(blas.NoTrans, 1, a.v, vector(a.read), 0, vector(prediction))
}

// Map is V C times the columns of M that meet s_T in the query.
func (a *attention) Map(gamma []float64) {
	columns := blas64.General{Rows: 2 * a.d, Cols: a.d, Stride: 2 * a.d, Data: a.m.Data}
	mixed := blas64.General{Rows: 2 * a.d, Cols: a.d, Stride: a.d, Data: a.mixed}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, a.c, columns, 0, mixed)
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, a.v, mixed, 0, square(a.d, gamma))
}
