package theory

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// The distance of weights from the proved form of a global minimum.

// compare sets Gauge, Kappa, ResidualC and ResidualP.
func (c *Certificate) compare(m *Diagonal, f ar.Family) {
	d := m.D
	coupling := mat.NewDense(d, d, m.C())
	c.Gauge = mat.Trace(coupling) / float64(served(f, d, m.H))
	c.ResidualC, c.ResidualP = 1, 1
	if f == ar.Rotation {
		c.Kappa = pairKappa(coupling, c.Gauge)
	}
	if c.Gauge == 0 {
		return
	}
	var form mat.Dense // C*/c
	ratio, free := 0.0, 1.0
	if f == ar.Unitary {
		projector(&form, coupling, c.Gauge, served(f, d, m.H))
		ones := mat.NewVecDense(d, nil)
		for i := range d {
			ones.SetVec(i, 1)
		}
		var rowSums mat.VecDense
		rowSums.MulVec(coupling, ones)
		free = min(1, mat.Norm(&rowSums, 2)/mat.Norm(coupling, 2))
	} else {
		kappa := 1.0
		if m.H >= d { // free, one for all pairs: least squares is the mean
			kappa = 0
			for i := range d {
				kappa += coupling.At(i, i^1) / (c.Gauge * float64(d))
			}
		}
		pairBlocks(&form, coupling, c.Gauge, kappa, min(m.H, d/2))
		ratio = -kappa / (1 + kappa)
	}
	var difference mat.Dense
	difference.Scale(1/c.Gauge, coupling)
	difference.Sub(&difference, &form)
	c.ResidualC = mat.Norm(&difference, 2) / mat.Norm(&form, 2)
	if !math.IsInf(ratio, 0) {
		c.ResidualP = residualP(m, c.Gauge, ratio, free)
	}
}

// residualP is |cP - P*|/|P*| over the entries a loss touches, P* with 1 on
// the superdiagonal and ratio left of it, where an error counts free times.
func residualP(m *Diagonal, gauge, ratio, free float64) float64 {
	sum := 0.0
	for t := 2; t <= m.Tmax; t++ {
		w := m.weights(t)
		for _, x := range w[:t-2] {
			sum += gauge * x * gauge * x
		}
		previous, last := free*(gauge*w[t-2]-ratio), gauge*w[t-1]-1
		sum += previous*previous + last*last
	}
	return math.Sqrt(sum / (float64(m.Tmax-1) * (1 + ratio*ratio)))
}

// pairKappa is (C_iī + C_īi)/(C_ii + C_īī) for each pair, 0 for those not
// served.
func pairKappa(c *mat.Dense, gauge float64) []float64 {
	d, _ := c.Dims()
	kappa := make([]float64, d/2)
	for k := range kappa {
		i, j := 2*k, 2*k+1
		diagonal := c.At(i, i) + c.At(j, j)
		if math.Abs(diagonal) > 1e-3*math.Abs(2*gauge) {
			kappa[k] = (c.At(i, j) + c.At(j, i)) / diagonal
		}
	}
	return kappa
}

// projector sets form to the orthogonal projector of the given rank nearest to
// C/c in the Frobenius norm: as |Π|_F is fixed it maximises <C/c, Π>, which is
// the projector on the leading eigenvectors of the symmetric part (Fan 1949,
// doi:10.1073/pnas.35.11.652).
func projector(form, c *mat.Dense, gauge float64, rank int) {
	d, _ := c.Dims()
	symmetric := mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			symmetric.SetSym(i, j, (c.At(i, j)+c.At(j, i))/(2*gauge))
		}
	}
	var eigen mat.EigenSym
	eigen.Factorize(symmetric, true) // ascending eigenvalues
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	leading := vectors.Slice(0, d, d-rank, d)
	form.Mul(leading, leading.T())
}

// pairBlocks sets form to [[1, κ], [κ, 1]] on the given number of pairs, those
// where C/c has most of it, and 0 elsewhere.
func pairBlocks(form, c *mat.Dense, gauge, kappa float64, pairs int) {
	d, _ := c.Dims()
	share := func(k int) float64 {
		i, j := 2*k, 2*k+1
		return (c.At(i, i) + c.At(j, j) + kappa*(c.At(i, j)+c.At(j, i))) / gauge
	}
	order := make([]int, d/2)
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(share(b), share(a)) })
	form.ReuseAs(d, d)
	for _, k := range order[:pairs] {
		i, j := 2*k, 2*k+1
		form.Set(i, i, 1)
		form.Set(j, j, 1)
		form.Set(i, j, kappa)
		form.Set(j, i, kappa)
	}
}

// overlap is the largest |cosine| between two of the heads in rows of length
// d; a head of norm 0 has none.
func overlap(heads []float64, d int) float64 {
	largest := 0.0
	for h := 0; h < len(heads); h += d {
		for k := 0; k < h; k += d {
			x, y := heads[h:h+d], heads[k:k+d]
			if norms := floats.Norm(x, 2) * floats.Norm(y, 2); norms > 0 {
				largest = max(largest, math.Abs(floats.Dot(x, y))/norms)
			}
		}
	}
	return largest
}
