package lawtest_test

import (
	"math"
	"strings"
	"testing"

	"icar/ar"
	"icar/ar/lawtest"
)

func TestEncodings(t *testing.T) {
	for _, e := range []ar.Encoding{ar.Plain, ar.Augmented, ar.Order{P: 1}, ar.Order{P: 4}} {
		for _, d := range []int{1, 3} {
			if err := lawtest.CheckEncoding(e, d); err != nil {
				t.Errorf("%v, d = %d: %v", e, d, err)
			}
		}
	}
}

// encoding is plain tokens that are then spoilt.
type encoding struct {
	width int
	spoil func(x, states []float64)
}

func (e encoding) Width(d int) int { return e.width * d }
func (e encoding) Encode(x, states []float64, d int) {
	copy(x, states)
	e.spoil(x, states)
}

func TestBrokenEncodingsAreRefused(t *testing.T) {
	calls := 0.0
	for want, e := range map[string]encoding{
		"its width is 0":               {0, func(x, states []float64) {}},
		"number 0 of token 3 is NaN":   {1, func(x, states []float64) { x[3] = math.NaN() }},
		"other tokens the second time": {1, func(x, states []float64) { calls++; x[1] = calls }},
		"token 2 depends on state 5":   {1, func(x, states []float64) { x[2] += states[5] }},
		"token 0 depends on state 1":   {1, func(x, states []float64) { x[0] = states[1] }},
	} {
		if err := lawtest.CheckEncoding(e, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
