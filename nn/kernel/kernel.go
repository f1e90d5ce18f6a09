// Package kernel has the hot loops of the Transformer, on slices of float32.
//
// A lane is a sequence: wherever the model has a number, a kernel has a vector
// of Lanes numbers, one for each of 16 sequences that are computed side by
// side and never mix until gradients are summed. Loops are therefore the same
// whatever the shape of the model, and no shape leaves vector registers
// half empty.
//
// There are four kernels: plain Go, AVX2 with FMA (8 lanes a register),
// AVX-512 (16) and NEON on arm64 (4). The assembly of the first two is generated
// by gen from one description, that of NEON by gen/neon from one beside it, with
// the same operations on a lane in the same order, so that their results are the
// same bits. Plain Go rounds after every product, on every machine, and agrees
// with them to the bounds that the tests state.
//
// docs/kernels.md is the essay.
package kernel

// Lanes is the number of sequences that are computed side by side: one AVX-512
// register, two of AVX2 or four of NEON.
const Lanes = 16

// Kernel is one implementation of the loops. An entry below is a vector of
// Lanes numbers unless said otherwise, and all operations act lane by lane.
// Methods index out of range when shapes do not fit each other: shapes are the
// caller's business. They keep no state and may run in parallel.
type Kernel interface {
	// Name is go, avx2, avx512 or neon.
	Name() string
	// Arithmetic names the bits: kernels of one arithmetic give the same, but for
	// the sign of a NaN. It is fma, with fused multiply-adds, or go.
	Arithmetic() string
	// Busy adds products to sums in registers, rounds times, as fast as the
	// processor can, and returns the number of floating-point operations: see
	// Peak. Entry 12 of s is multiplied, the first ones are the sums.
	Busy(s *[(busySums + 1) * Lanes]float32, rounds int) int

	// Mul is the matrix product c = a·b, or c += a·b, in every lane.
	Mul(c, a, b Matrix, add bool)
	// MulShared is Mul with an a of plain numbers, the same in all lanes.
	MulShared(c, a, b Matrix, add bool)
	// Sum adds to every number dst[i] the sum over the lanes of entry i of src.
	Sum(dst, src []float32)

	// Add writes a + b. The columns of b may be any distance apart.
	Add(dst, a, b Matrix)
	// Relu replaces x by max(x, 0), NaN by NaN.
	Relu(x Matrix)
	// ReluBackward zeroes dx where y = Relu(x) is 0.
	ReluBackward(dx, y Matrix)
	// GELU writes y = x Φ(x), Φ being the distribution function of a standard normal.
	GELU(y, x Matrix)
	// GELUBackward multiplies the gradient dx of y by its derivative at x.
	GELUBackward(dx, x Matrix)

	// Weigh replaces s by p∘s, p of plain numbers.
	Weigh(s, p Matrix)
	// WeighBackward takes the gradient t of w = p∘s back: with s the scores it
	// writes q = s∘t (the gradient of p, lane by lane), w to s and the
	// gradient p∘t of s to t.
	WeighBackward(q, s, t, p Matrix)
	// Softmax replaces the leading entries s_0 … s_{n-1} of row r, n = first+r+1,
	// by their softmax and the others by 0: causal attention of the rows
	// from first on.
	Softmax(s Matrix, first int)
	// SoftmaxBackward is WeighBackward for w = p∘a, a = softmax(scores): with a
	// in s it writes q = a∘t, w to s and the gradient of the scores,
	// a∘(p∘t - Σ p∘a∘t), to t; entries after the causal ones become 0.
	SoftmaxBackward(q, s, t, p Matrix, first int)

	// Attend is causal linear attention with weights p (T, T) of plain numbers:
	// y_i = Σ_{j≤i} p_ij (z_i·x_j) x_j, for y, z and x (T, E) dense and the last
	// coordinate of x 1. The scratch of a Panel is overwritten.
	Attend(y, z, x, p Matrix, scratch Panel)
	// AttendBackward takes the gradient back to z and p where v_i·y_i is what
	// is differentiated: with t_ij = v_i·x_j it writes a_i = Σ_{j≤i} p_ij t_ij x_j
	// and adds (z_i·x_j) t_ij, summed over lanes, to the numbers dp.
	AttendBackward(a, dp, z, v, x, p Matrix, scratch Panel)

	// Norm is the layer norm y = γ x̂ + β of every row, x̂ = (x - mean)·rstd,
	// rstd = 1/√(variance + ε). It writes y, x̂ (normal) and rstd, a column.
	Norm(y, normal, rstd, x Matrix, gamma, beta []float32, epsilon float32)
	// NormBackward replaces the gradient dy by that of x,
	// rstd (γ dy - mean(γ dy) - x̂ mean(γ dy x̂)), and adds the gradients of γ
	// and β to one entry a coordinate each, lane by lane.
	NormBackward(dy, normal, rstd Matrix, gamma, dgamma, dbeta []float32)
}

// Matrix is a view of entries: (i, j) is entry i·Row + j·Col of Data. Entries
// are vectors of Lanes numbers, or plain numbers where a method says so.
type Matrix struct {
	Data       []float32
	Rows, Cols int
	Row, Col   int // strides in entries
}

// Dense returns the view of row-major data.
func Dense(data []float32, rows, cols int) Matrix { return Matrix{data, rows, cols, cols, 1} }

// T returns the transpose.
func (m Matrix) T() Matrix { return Matrix{m.Data, m.Cols, m.Rows, m.Col, m.Row} }

// Slice returns rows [i, i+rows) and columns [j, j+cols) of a matrix of
// vectors.
func (m Matrix) Slice(i, j, rows, cols int) Matrix {
	return Matrix{m.Data[(i*m.Row+j*m.Col)*Lanes:], rows, cols, m.Row, m.Col}
}

// check indexes the last entry, each of size numbers.
func (m Matrix) check(size int) {
	_ = m.Data[((m.Rows-1)*m.Row+(m.Cols-1)*m.Col+1)*size-1]
}

// row returns the entries of row i of a matrix of vectors with Col = 1.
func (m Matrix) row(i int) []float32 { return m.Data[i*m.Row*Lanes:][:m.Cols*Lanes] }

// numbers returns row i of a matrix of plain numbers with Col = 1.
func (m Matrix) numbers(i int) []float32 { return m.Data[i*m.Row:][:m.Cols] }
