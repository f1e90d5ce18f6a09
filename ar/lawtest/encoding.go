package lawtest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"icar/ar"
)

// CheckEncoding returns an error that says what about an encoding breaks the
// contract of [ar.Encoding] on states of dimension d: it writes every number of
// the tokens, all of them finite; token t depends on the states up to t alone, or
// the answer would be in the question; the same states give the same tokens.
func CheckEncoding(e ar.Encoding, d int) error {
	width := e.Width(d)
	if width < 1 {
		return fmt.Errorf("its width is %d, not positive", width)
	}
	states := make([]float64, length*d)
	r := generator(0)
	for i := range states {
		states[i] = r.NormFloat64()
	}
	encode := func() ([]float64, error) {
		x := slices.Repeat([]float64{math.NaN()}, length*width)
		err := ar.Encode(e, x, states, d)
		return x, err
	}
	x, err := encode()
	if err != nil {
		return err
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("number %d of token %d is %v, or was never written",
				i%width, i/width, v)
		}
	}
	if again, err := encode(); err != nil || !slices.Equal(x, again) {
		return errors.New("the same states give other tokens the second time")
	}
	for t := length - 1; t > 0; t-- { // change state after state, the last first
		for i := range d {
			states[t*d+i] += 1
		}
		changed, err := encode()
		if err != nil {
			return err
		}
		for u := range t {
			if !slices.Equal(x[u*width:(u+1)*width], changed[u*width:(u+1)*width]) {
				return fmt.Errorf("token %d depends on state %d, which comes after it", u, t)
			}
		}
	}
	return nil
}
