package estimator

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// PreconditionedDescent takes K steps with a matrix for a step size, from
// W_0 = 0: W_{k+1} = W_k + (S - W_k G) P_T. P = ηI is [GradientDescent]
// (Ahn et al. 2023, arXiv:2306.00297).
type PreconditionedDescent struct {
	K int
	// P holds one matrix (d, d) for every context length, or P_T at T-1.
	P [][]float64
}

var _ Estimator = PreconditionedDescent{}

// Name tells K and whether the matrix depends on the position.
func (e PreconditionedDescent) Name() string {
	name := "preconditioned descent"
	if len(e.P) > 1 {
		name += " by position"
	}
	return fmt.Sprintf("%s, k = %d", name, e.K)
}

// Start opens a sequence. It is an error if there are neither one nor T
// matrices, or if one is not (d, d).
func (e PreconditionedDescent) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := checkIterations(e.K); err != nil {
		return nil, err
	}
	if err := checkPositions("preconditioners", len(e.P), s.T); err != nil {
		return nil, err
	}
	for t, p := range e.P {
		if len(p) != s.D*s.D {
			return nil, fmt.Errorf("preconditioner %d has %d entries, and d = %d needs %d: fit it on "+
				"sequences of this dimension", t+1, len(p), s.D, s.D*s.D)
		}
	}
	return newInverting(s.D, &preconditioned{e.K, e.P, newScratch(s.D)}), nil
}

type preconditioned struct {
	k int
	p [][]float64
	scratch
}

func (r *preconditioned) solve(m *moments, x, b blas64.General) {
	p := square(m.d, at(r.p, m.n+1))
	clear(x.Data)
	for range r.k {
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, p, r.residual(m, x, b), 1, x)
	}
}

// FitPreconditionedStep returns the one step, K = 1, whose matrix P_T has the
// least mean squared error at each context length. The error is quadratic in
// the d² entries of P_T; its normal equations
//
//	Σ SᵀS P ssᵀ = Σ Sᵀ target sᵀ
//
// are singular where the data leave P free (at T = 1, and at T = 2, where every
// sequence of a family has the same s_1), and leastNorm solves them. The cost is
// O(NTd⁴ + Td⁶).
func FitPreconditionedStep(ctx context.Context,
	batch ar.Batch[float64]) (PreconditionedDescent, error) {
	fit := PreconditionedDescent{K: 1}
	d := batch.D
	normal, right := make([]*mat.SymDense, batch.T), make([][]float64, batch.T)
	for t := range normal {
		normal[t], right[t] = mat.NewSymDense(d*d, nil), make([]float64, d*d)
	}
	sts, stTarget, row := square(d, make([]float64, d*d)), make([]float64, d), make([]float64, d*d)
	for n := range batch.N {
		if err := context.Cause(ctx); err != nil {
			return fit, err
		}
		m := newMoments(d)
		for t, s := 0, states(batch, n); t < batch.T; t, s = t+1, s[d:] {
			query, target := s[:d], s[d:2*d]
			blas64.Gemm(blas.Trans, blas.NoTrans, 1, m.s, m.s, 0, sts)
			blas64.Gemv(blas.Trans, 1, m.s, vector(target), 0, vector(stTarget))
			for i := range d {
				for k := range d { // the block of P_i: and P_k:
					floats.ScaleTo(row[k*d:(k+1)*d], sts.Data[i*d+k], query)
				}
				for j, q := range query {
					upper := i*d + j
					raw := normal[t].RawSymmetric()
					floats.AddScaled(raw.Data[upper*raw.Stride+upper:upper*raw.Stride+d*d], q,
						row[upper:])
				}
				floats.AddScaled(right[t][i*d:(i+1)*d], stTarget[i], query)
			}
			m.learn(query, target)
		}
	}
	for t := range normal {
		p, err := leastNorm(normal[t], right[t])
		if err != nil {
			return fit, fmt.Errorf("preconditioner at T = %d: %w", t+1, err)
		}
		fit.P = append(fit.P, p)
	}
	return fit, nil
}

// fitCutoff is the size relative to the largest below which an eigenvalue of
// the normal equations of a fit counts as 0.
const fitCutoff = 1e-10

// leastNorm solves ax = b, a positive semi-definite, by the x of least norm.
func leastNorm(a *mat.SymDense, b []float64) ([]float64, error) {
	var eig mat.EigenSym
	if !eig.Factorize(a, true) {
		return nil, errors.New("the eigenvalues of the normal equations did not converge: are all " +
			"states finite?")
	}
	var u mat.Dense
	eig.VectorsTo(&u)
	values := eig.Values(nil)
	x, coefficients := mat.NewVecDense(len(b), nil), mat.NewVecDense(len(b), nil)
	coefficients.MulVec(u.T(), mat.NewVecDense(len(b), b))
	for i, value := range values {
		if value > fitCutoff*values[len(values)-1] {
			coefficients.SetVec(i, coefficients.AtVec(i)/value)
		} else {
			coefficients.SetVec(i, 0)
		}
	}
	x.MulVec(&u, coefficients)
	return x.RawVector().Data, nil
}
