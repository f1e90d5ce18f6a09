package estimator

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// Chebyshev is K steps of the Chebyshev iteration on WG = S from W_0 = 0, whose
// residual polynomial is the smallest possible on an interval: here the one
// from the least positive eigenvalue of the context's G to the largest, with
// spectralCutoff = 1e-12. After K steps the error has shrunk to at most
// 2((√κ-1)/(√κ+1))ᴷ, κ the ratio of the two
// (Saad 2003, Iterative Methods for Sparse Linear Systems, algorithm 12.1).
type Chebyshev struct{ K int }

var _ Estimator = Chebyshev{}

// Name tells K.
func (e Chebyshev) Name() string { return fmt.Sprintf("Chebyshev, k = %d", e.K) }

// Start opens a sequence. A token costs O(d³), for the spectrum.
func (e Chebyshev) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := checkIterations(e.K); err != nil {
		return nil, err
	}
	return newInverting(s.D, &chebyshev{e.K, newSpectrum(s.D), newScratch(s.D)}), nil
}

type chebyshev struct {
	k int
	*spectrum
	step scratch
}

// solve overwrites b with the residual b - Gx.
func (c *chebyshev) solve(m *moments, x, b blas64.General) {
	clear(x.Data)
	low, high := c.ends(m.g)
	if high == 0 {
		return
	}
	centre := (high + low) / 2
	// An interval of one point is widened, so that nothing is divided by 0.
	radius := max((high-low)/2, 1e-8*centre)
	ratio := radius / centre
	step := b
	step.Data = c.step[:len(b.Data)]
	floats.ScaleTo(step.Data, 1/centre, b.Data)
	for range c.k {
		floats.Add(x.Data, step.Data)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, -1, m.g, step, 1, b)
		next := 1 / (2*centre/radius - ratio)
		floats.Scale(next*ratio, step.Data)
		floats.AddScaled(step.Data, 2*next/radius, b.Data)
		ratio = next
	}
}
