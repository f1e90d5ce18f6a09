package theory

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// RotationStep is the best mixture of a gradient step with its conjugate
// correction: prediction = Σ_t s_t (η s_{t-1}ᴴ s_T + ζ s_tᴴ s_{T-1}).
type RotationStep struct {
	Eta, Zeta float64
	MeanLoss  float64 // mean over T = 2 … Tmax, sum over the coordinates
}

// RotationBranch returns the minimum of block-scalar weights for rotation
// contexts, d even, on the branch m_0 = m_3 = v_1 = 0, over T = 2 … Tmax. With
// N = Tmax - 1 and the means over n = 1 … N of the coefficients of η², ηζ, ζ²
//
//	α = (N+1)(2N+3d-2)/6,  β = (3N+4d-3)/2,  γ = (N+1)(2N+9d-2)/6 + d²,
//
// η = [(N+1)γ/2 - β]/Δ and ζ = -(N+1)(5N+6d-5)/(12Δ) < 0, Δ = αγ - β², and the
// mean loss is d(1 - (N+1)η/2 - ζ). ζ/η ~ -5/(2Tmax): the correction fades.
func RotationBranch(d, tmax int) (RotationStep, error) {
	if err := checkPopulation(ar.Rotation, d, 2, tmax); err != nil {
		return RotationStep{}, err
	}
	n, w := float64(tmax-1), float64(d)
	α := (n + 1) * (2*n + 3*w - 2) / 6
	β := (3*n + 4*w - 3) / 2
	γ := (n+1)*(2*n+9*w-2)/6 + w*w
	Δ := α*γ - β*β
	η := ((n+1)*γ/2 - β) / Δ
	ζ := -(n + 1) * (5*n + 6*w - 5) / (12 * Δ)
	return RotationStep{Eta: η, Zeta: ζ, MeanLoss: w * (1 - (n+1)*η/2 - ζ)}, nil
}

// ScalarOptimum is a global minimum of block-scalar weights.
type ScalarOptimum struct {
	Weights  BlockScalar
	MeanLoss float64 // mean over T = 2 … Tmax, sum over the coordinates
}

// RotationOptimum returns the minimum over all six block-scalar weights for
// rotation contexts, d even, over T = 2 … Tmax. Only v_0 : v_1 = cosφ : sinφ
// matters, and given φ the loss is a positive quadratic form in m_0 … m_3. So
// the minimum is that of a function of φ, and of 0 ≤ φ < π/2 alone: the loss
// keeps its value when m_0, m_3 and v_1 change their signs.
func RotationOptimum(d, tmax int) (ScalarOptimum, error) {
	loss, err := NewBlockScalarPopulation(ar.Rotation, d, 2, tmax)
	if err != nil {
		return ScalarOptimum{}, err
	}
	return loss.minimum(d, tmax), nil
}

// minimum takes the best of φ = 0, the branch v_1 = 0, which is always
// stationary, and of every descent between neighbours of a grid, bisected on
// the exact slope. The grid starts half a cell above 0: a minimum below would
// gain the fourth power of the cell over φ = 0, no more than 1e-11. The same
// margin decides ties for φ = 0.
func (q *BlockScalarPopulation) minimum(d, tmax int) ScalarOptimum {
	const cells, margin = 512, 1e-11
	gradient := make([]float64, 6)
	at := func(φ float64) *BlockScalar {
		m := &BlockScalar{D: d, V: [2]float64{math.Cos(φ), math.Sin(φ)}}
		q.bestScores(m)
		return m
	}
	slope := func(φ float64) float64 { // the scores are stationary, so only v moves the loss
		m := at(φ)
		q.Loss(m, gradient)
		return gradient[5]*m.V[0] - gradient[4]*m.V[1]
	}
	best := at(0)
	bestLoss := q.Loss(best, gradient)
	cell := func(k int) float64 { return (float64(k) + 0.5) * math.Pi / 2 / cells }
	for k := range cells - 1 {
		if lo, hi := cell(k), cell(k+1); slope(lo) < 0 && slope(hi) >= 0 {
			m := at(bisect(slope, lo, hi))
			if l := q.Loss(m, gradient); l < bestLoss-margin {
				best, bestLoss = m, l
			}
		}
	}
	return ScalarOptimum{Weights: *best, MeanLoss: bestLoss / float64(tmax-1)}
}

// bestScores sets m_0 … m_3 to the minimum of the form given v_0, v_1.
func (q *BlockScalarPopulation) bestScores(m *BlockScalar) {
	k, b := mat.NewSymDense(4, nil), mat.NewVecDense(4, nil)
	for i := range 8 {
		for j := range 8 {
			if i>>1 <= j>>1 {
				k.SetSym(i>>1, j>>1, k.At(i>>1, j>>1)+m.V[i&1]*m.V[j&1]*q.k[i][j])
			}
		}
		b.SetVec(i>>1, b.AtVec(i>>1)+m.V[i&1]*q.b[i])
	}
	var chol mat.Cholesky
	var x mat.VecDense
	if chol.Factorize(k) && chol.SolveVecTo(&x, b) == nil {
		copy(m.M[:], x.RawVector().Data)
	}
}
