package probe

// Shapes: K distances that are measured of every sequence.

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// moments are means and variances of K distances over sequences, and how often one is
// above another, kept while the sequences pass by: their memory does not grow with the
// number of sequences.
type moments struct {
	n       int
	mean    []float64 // (K)
	squares []float64 // (K) Σ (x - mean)²
	above   []int     // (K, K) sequences in which x_i is above x_j
}

func newMoments(k int) *moments {
	return &moments{mean: make([]float64, k), squares: make([]float64, k), above: make([]int, k*k)}
}

// add takes in one sequence, x (K), by Welford's update (Technometrics 4, 1962,
// doi:10.1080/00401706.1962.10490022). One is above another from a difference of
// least on.
func (m *moments) add(x []float64, least float64) {
	k := len(m.mean)
	m.n++
	for i, v := range x {
		before := v - m.mean[i]
		m.mean[i] += before / float64(m.n)
		m.squares[i] += before * (v - m.mean[i])
		for j, w := range x {
			if v-w > least {
				m.above[i*k+j]++
			}
		}
	}
}

// interval is the mean of distance i with Student's interval of a level; NaN of a
// single sequence.
func (m *moments) interval(i int, level float64) Mean {
	half := math.NaN()
	if n := float64(m.n); n > 1 {
		quantile := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1 + level) / 2)
		half = quantile * math.Sqrt(m.squares[i]/(n-1)/n)
	}
	return Mean{m.mean[i], m.mean[i] - half, m.mean[i] + half}
}

// farther reports whether x_i is above x_j in more sequences than chance allows: by a
// fair coin it would be in as many with a probability below (1 - level)/2. The sign
// test asks nothing of how distances are distributed, and those of unstable predictors
// have no variance to speak of. A draw counts for neither, that is for x_j.
func (m *moments) farther(i, j int, level float64) bool {
	wins := float64(m.above[i*len(m.mean)+j])
	n := float64(m.n)
	if wins <= n/2 {
		return false
	}
	if m.n > 1000 { // the binomial is normal
		z := (wins - 0.5 - n/2) / math.Sqrt(n/4)
		return distuv.UnitNormal.Survival(z) < (1-level)/2
	}
	coin := distuv.Binomial{N: n, P: 0.5}
	return coin.Survival(wins-1) < (1-level)/2 // P(X ≥ wins)
}
