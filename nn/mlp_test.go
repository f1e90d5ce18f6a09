package nn

import (
	"math"
	"testing"
)

// Known values of the activations and of their derivatives, whose digits are as many
// along the tail of Φ as elsewhere.
func TestActivationsOfTheMLP(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		phi             Activation
		x, value, slope float64
	}{
		{Relu, -2, 0, 0}, {Relu, 0, 0, 0}, {Relu, 3, 3, 1},
		{GELU, 0, 0, 0.5}, {GELU, 1, 0.8413447460685429, 1.0833154705876863},
		{GELU, -10, -7.619853024160526e-23, -7.618400096464814e-22},
	} {
		value, slope := activate(test.phi, test.x), activateBackward(test.phi, -2, test.x)/-2
		if !(math.Abs(value-test.value) <= 1e-13*math.Abs(test.value)) ||
			!(math.Abs(slope-test.slope) <= 1e-13*math.Abs(test.slope)) {
			t.Errorf("%s(%v) is %v with slope %v, want %v and %v", test.phi, test.x, value, slope,
				test.value, test.slope)
		}
	}
	for _, phi := range []Activation{Relu, GELU} {
		if v := activate(phi, nan); !math.IsNaN(v) {
			t.Errorf("%s(NaN) is %v", phi, v)
		}
	}
}
