package probe

// Shapes: T positions, d token dimension.

import (
	"context"
	"fmt"
	"math"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// Prediction is what a predictor makes of one sequence s_1 … s_T.
type Prediction struct {
	Name string        `json:"name"`
	Next figure.Values `json:"next"` // (d) the prediction of s_{T+1}
	// Error (T-1) is the squared error of the prediction of s_2 … s_T, mean
	// over coordinates, and MSE its mean, null in JSON of a single token. So is
	// every number that is not finite: those of tokens whose squares or cubes are
	// more than a float64 holds.
	Error figure.Values `json:"error"`
	MSE   figure.Number `json:"mse"`
	Gamma figure.Values `json:"gamma"` // (d, d) the map at T
}

// Sequence predicts the states (T, d) of one sequence of unknown W with the
// model and then with each estimator. The error says in what the sequence does
// not fit the model, or names a state that is not finite.
func (m *Model) Sequence(ctx context.Context, states []float64, d int,
	estimators []estimator.Estimator) ([]Prediction, error) {
	for i, v := range states {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("s_%d is %v in coordinate %d: every number has to be finite",
				i/d+1, v, i%d+1)
		}
	}
	length := len(states) / d
	s := ar.Batch[float64]{N: 1, T: length, D: d,
		States: append(append([]float64(nil), states...), make([]float64, d)...)}
	maps, err := m.Maps(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []Prediction{newPrediction("the model", maps.Predictions, maps.At(0, length-1), states,
		d)}
	for _, e := range estimators {
		predictions, gamma := make([]float64, 0, len(states)), make([]float64, d*d)
		err := estimator.Walk(e, estimator.Sequence{D: d, T: length}, states,
			func(t int, prediction []float64, stream estimator.Stream) {
				if predictions = append(predictions, prediction...); t == length-1 {
					stream.Map(gamma)
				}
			})
		if err != nil {
			return nil, err
		}
		all = append(all, newPrediction(e.Name(), predictions, gamma, states, d))
	}
	return all, nil
}

// newPrediction measures predictions (T, d).
func newPrediction(name string, predictions, gamma, states []float64, d int) Prediction {
	last := len(states) - d
	errors := estimator.ErrorsOf(predictions,
		ar.Batch[float64]{N: 1, T: last / d, D: d, States: states})
	p := Prediction{Name: name, Next: predictions[last:], Gamma: gamma, Error: errors.Squared}
	p.MSE = figure.Number(average(p.Error))
	return p
}
