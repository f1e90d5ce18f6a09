package probe

// Shapes: N sequences, T positions, d token dimension.

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// Alignment is how like an estimator a model is: the three measures of von
// Oswald et al., "Transformers learn in-context by gradient descent", ICML
// 2023, arXiv 2212.07677, at every position.
type Alignment struct {
	Estimator string `json:"estimator"`
	// PredictionDistance (T) is the mean of |ŷ - ŷ'|/√d, the root of what two
	// predictions differ in a coordinate.
	PredictionDistance []float64 `json:"prediction_distance"`
	// Cosine (T) is the mean of the cosines of the sensitivities Γ and Γ', as
	// vectors of d² numbers; NaN where one is zero.
	Cosine figure.Values `json:"cosine"`
	// MapDistance (T) is the mean of |Γ - Γ'|/√d; nil where no Γ is known.
	MapDistance []float64 `json:"map_distance"`
	// PerSequence (N) is the mean of the cosines of each sequence over the
	// positions that have one: a sample for a bootstrap over W.
	PerSequence []float64 `json:"-"`
	// Error (T) is the mean squared error of the estimator itself.
	Error []float64 `json:"error"`
}

// MeanCosine is the mean over sequences and positions.
func (a Alignment) MeanCosine() float64 { return average(a.PerSequence) }

// average is the mean of the numbers that are not NaN.
func average(x []float64) float64 {
	sum, count := 0.0, 0.0
	for _, v := range x {
		if !math.IsNaN(v) {
			sum += v
			count++
		}
	}
	return sum / count
}

// Align compares maps with an estimator on the same sequences. Without Gamma it
// compares predictions alone; where Gamma is the total derivative so is the
// estimator's map. The error is the estimator's, or the context's.
func (m Maps) Align(ctx context.Context, s ar.Batch[float64],
	e estimator.Estimator) (Alignment, error) {
	nan := func() figure.Values {
		x := make(figure.Values, m.T)
		for t := range x {
			x[t] = math.NaN()
		}
		return x
	}
	d, n, of := m.D, float64(m.N), m.Mapped()
	a := Alignment{Estimator: e.Name(), PredictionDistance: make([]float64, m.T), Cosine: nan(),
		Error: make([]float64, m.T)}
	if m.Gamma != nil {
		a.MapDistance = make([]float64, m.T)
	}
	cosines := make([]float64, m.N*m.T)
	gamma := make([]float64, d*d)
	for i := range m.N {
		if err := context.Cause(ctx); err != nil {
			return a, err
		}
		sequence := estimator.Sequence{D: d, T: m.T}
		if i < len(s.Contexts) {
			sequence.W = s.Contexts[i].W
		}
		var totals []float64 // (T, d, d)
		if m.Total && i < of {
			var err error
			if totals, err = totalMaps(ctx, e, sequence, s.States[i*(m.T+1)*d:]); err != nil {
				return a, err
			}
		}
		err := estimator.Walk(e, sequence, s.States[i*(m.T+1)*d:],
			func(t int, prediction []float64, stream estimator.Stream) {
				stream.Map(gamma)
				if totals != nil {
					copy(gamma, totals[t*d*d:])
				}
				p := i*m.T + t
				a.PredictionDistance[t] += distance(m.Predictions[p*d:(p+1)*d],
					prediction) / (n * math.Sqrt(float64(d)))
				e := distance(prediction, state(s, i, t+1))
				a.Error[t] += e * e / (n * float64(d))
				if cosines[p] = math.NaN(); i < of {
					a.MapDistance[t] += distance(m.At(i, t), gamma) / (n * math.Sqrt(float64(d)))
					cosines[p] = cosine(m.At(i, t), gamma)
				}
			})
		if err != nil {
			return a, err
		}
	}
	if 0 < of && of < m.N { // the means are over all sequences so far
		floats.Scale(n/float64(of), a.MapDistance)
	}
	for i := range m.N {
		a.PerSequence = append(a.PerSequence, average(cosines[i*m.T:(i+1)*m.T]))
	}
	for t := range m.T {
		column := make([]float64, m.N)
		for i := range m.N {
			column[i] = cosines[i*m.T+t]
		}
		a.Cosine[t] = average(column)
	}
	return a, nil
}
