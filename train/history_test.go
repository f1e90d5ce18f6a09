package train

import (
	"testing"

	"icar/run"
)

// The best evaluation is the first of the least, wherever it is; steps without one
// do not count.
func TestBest(t *testing.T) {
	var h History
	if h.Best() != nil || h.Last() != nil {
		t.Errorf("of no steps: %v, %v", h.Best(), h.Last())
	}
	for i, mse := range []float64{0, 3, 1, 0, 1, 2} {
		m := run.Metric{Step: i + 1, Loss: 0.5}
		if mse > 0 {
			m.Evaluation = &run.Evaluation{TestMSE: mse}
		}
		h = append(h, m)
	}
	if best := h.Best(); best == nil || *best != (Best{3, 1}) {
		t.Errorf("best %+v", best)
	}
	if last := h.Last(); last.TestMSE != 2 {
		t.Errorf("last %+v", last)
	}
	first := h[1:2] // a single step
	if last, best := first.Last(), first.Best(); last == nil || best == nil ||
		last.TestMSE != 3 || *best != (Best{2, 3}) {
		t.Errorf("of one step: %+v, %+v", last, best)
	}
}
