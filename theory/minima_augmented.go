package theory

import (
	"fmt"
	"math"
)

// GradientStep returns η* = 3/(2Tmax + 3d - 4), the inner step size that one
// layer of block-scalar weights learns for unitary contexts at μ = 1 (Sander
// et al. 2024, exact at finite Tmax ≥ 2 here). The mean loss over
// T = 2 … Tmax is then d(1 - Tmax η*/2).
func GradientStep(d, tmax int) float64 {
	return 3 / float64(2*tmax+3*d-4)
}

// HeadsOptimum is a global minimum of DiagonalHeads at μ = 1.
type HeadsOptimum struct {
	Diagonal float64 // C_ii, the same for every i
	MeanLoss float64 // mean over T = 2 … Tmax, sum over the coordinates
	Model    *DiagonalHeads
}

// AugmentedHeadsOptimum returns the minimum of h diagonal heads of width d
// over T = 2 … Tmax ≥ 2, for unitary and rotation contexts. With the rank
// r = min(h, d),
//
//	C = c Π,  Π a projector of rank r and equal diagonal r/d,
//	C_ii = 3r / (2(Tmax - 2)r + 3d),  mean loss d(1 - Tmax C_ii/2).
//
// It is minimal because Σ C_ii² ≥ (tr C)²/d and |C|_F² ≥ (tr C)²/rank C, and
// both are equalities for c Π. A = B = √c Q, Q the rows of a real Fourier
// frame. One head is GradientStep.
func AugmentedHeadsOptimum(d, h, tmax int) (HeadsOptimum, error) {
	model, err := NewDiagonalHeads(h, d)
	if err != nil {
		return HeadsOptimum{}, err
	}
	if tmax < 2 {
		return HeadsOptimum{}, fmt.Errorf("longest context Tmax = %d: use at least 2", tmax)
	}
	rank := min(h, d)
	r := float64(rank)
	diagonal := 3 * r / (2*float64(tmax-2)*r + 3*float64(d))
	c := diagonal * float64(d) / r
	for k, row := range fourierFrame(rank, d) {
		for j, x := range row {
			model.A[k*d+j] = math.Sqrt(c) * x
			model.B[k*d+j] = math.Sqrt(c) * x
		}
	}
	return HeadsOptimum{
		Diagonal: diagonal,
		MeanLoss: float64(d) * (1 - float64(tmax)*diagonal/2),
		Model:    model,
	}, nil
}

// fourierFrame returns h orthonormal rows of length d, h ≤ d, whose columns
// all have the same norm √(h/d): cosines and sines of one frequency come in
// pairs, the constant completes an odd h and the alternating row h = d even.
func fourierFrame(h, d int) [][]float64 {
	var rows [][]float64
	row := func(f func(j float64) float64) {
		x := make([]float64, d)
		for j := range x {
			x[j] = f(float64(j)) / math.Sqrt(float64(d))
		}
		rows = append(rows, x)
	}
	if h%2 == 1 || h == d {
		row(func(float64) float64 { return 1 })
	}
	for f := 1; len(rows)+1 < h; f++ {
		θ := 2 * math.Pi * float64(f) / float64(d)
		row(func(j float64) float64 { return math.Sqrt2 * math.Cos(θ*j) })
		row(func(j float64) float64 { return math.Sqrt2 * math.Sin(θ*j) })
	}
	if len(rows) < h {
		row(func(j float64) float64 { return math.Cos(math.Pi * j) })
	}
	return rows
}

// bisect returns the zero of an increasing slope in [lo, hi] to the last bit.
func bisect(slope func(x float64) float64, lo, hi float64) float64 {
	for {
		middle := lo + (hi-lo)/2
		if middle <= lo || middle >= hi {
			return middle
		}
		if slope(middle) < 0 {
			lo = middle
		} else {
			hi = middle
		}
	}
}
