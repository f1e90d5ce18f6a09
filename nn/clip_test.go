package nn

import (
	"math"
	"slices"
	"testing"
)

// The gradient (3, 4, 12) has norm 13 over both parameters together.
func TestClip(t *testing.T) {
	for _, test := range []struct {
		bound       float64
		first, then []float64
	}{
		{26, []float64{3, 4}, []float64{12}},
		{13, []float64{3, 4}, []float64{12}},
		{6.5, []float64{1.5, 2}, []float64{6}},
	} {
		p := []Parameter[float64]{{Grad: []float64{3, 4}}, {Grad: []float64{12}}}
		Clip(p, test.bound)
		if !slices.Equal(p[0].Grad, test.first) || !slices.Equal(p[1].Grad, test.then) {
			t.Errorf("bound %v: %v %v", test.bound, p[0].Grad, p[1].Grad)
		}
	}
	p := []Parameter[float64]{{Grad: []float64{math.Inf(1), 1}}}
	if Clip(p, 1); !math.IsInf(p[0].Grad[0], 1) || p[0].Grad[1] != 1 {
		t.Errorf("a gradient that is not finite: %v", p[0].Grad)
	}
}
