package train

import "icar/run"

// History is what every step measured, step k at index k-1.
type History []run.Metric

// Last returns the last evaluation, that of the trained model if the run is
// complete; nil if there was none.
func (h History) Last() *run.Evaluation {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].Evaluation != nil {
			return h[i].Evaluation
		}
	}
	return nil
}

// Best is the evaluation of least error and the step after which it was made.
type Best struct {
	Step    int     `json:"step"`
	TestMSE float64 `json:"test_mse"`
}

// Best returns the evaluation of least error, of equals the first; nil if there was
// none. A run keeps the weights of its last step and not of this one, whose error is
// the least of many and so below what the same weights have on other sequences.
func (h History) Best() (best *Best) {
	for _, m := range h {
		if m.Evaluation != nil && (best == nil || m.TestMSE < best.TestMSE) {
			best = &Best{m.Step, m.TestMSE}
		}
	}
	return best
}
