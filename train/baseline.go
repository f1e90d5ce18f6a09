package train

// Shapes: N sequences, T length, D token dimension, C token width.

import (
	"math"

	"icar/ar"
	"icar/nn"
)

// Baseline is the test MSE of a prediction that is not learnt.
type Baseline struct {
	Name string
	MSE  float64 // mean over sequences, positions and coordinates
}

// Baselines returns what a trained model is held against: on the sequences of
// b, those of TestSet(c), the prediction 0 and the last state again, and the
// Bayes floor where it is known, see BayesFloor.
func Baselines(c Config, b nn.Batch[float32]) []Baseline {
	width := c.Tokens.Width(c.D)
	last := b.X // of a plain token
	if c.Tokens == ar.Augmented {
		last = last[c.D:] // (0, s_t, s_{t-1})
	}
	mse := func(errors []float64) float64 { return evaluate(errors, b.T).TestMSE }
	list := []Baseline{
		{"zero", mse(squaredErrors(make([]float32, len(b.Y)), c.D, b.Y, c.D))},
		{"copy last", mse(squaredErrors(last, width, b.Y, c.D))},
	}
	if floor, ok := BayesFloor(c); ok {
		list = append(list, Baseline{"Bayes floor", floor})
	}
	return list
}

// BayesFloor returns the least expected MSE of any prediction from the
// context, if it is known: for Haar matrices on O(d) or SO(d), with
// contraction ρ and without noise.
//
// At position T the context shows W on the span of s_1 … s_{T-1}, k = T-1
// directions. Of s_T the part r outside of it has E|r|² = ρ^{2k} (d-k)/d, and
// ±W r are equally likely given the context, so predicting 0 for it is best
// and costs ρ^{2T} (d-k)/d. On SO(d) the determinant gives the last direction,
// k = d-1, away. With ρ = 1 and T ≥ d positions the mean per coordinate is
// (d+1)/(2Td) for O(d), and 1/(Td²) less for SO(d).
func BayesFloor(c Config) (floor float64, known bool) {
	if c.Family != ar.Haar && c.Family != ar.Special || c.Sigma != 0 {
		return 0, false
	}
	unknown := c.D // directions that some context leaves open
	if c.Family == ar.Special {
		unknown--
	}
	for k := range min(unknown, c.Length) {
		floor += math.Pow(c.Rho, float64(2*(k+1))) * float64(c.D-k) / float64(c.D)
	}
	return floor / float64(c.Length*c.D), true
}
