package probe

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"icar/ar"
	"icar/train"
)

// Sequences of any finite size are predicted: what a float64 does not hold is
// null in the document and no panic.
func TestSequenceOfExtremeSizes(t *testing.T) {
	c := train.DefaultConfig()
	c.D, c.Length = 3, 8
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	m, err := Untrained(c)
	if err != nil {
		t.Fatal(err)
	}
	fitting, err := train.Sequences(c, train.TrainStream, 32)
	if err != nil {
		t.Fatal(err)
	}
	_, all, err := Estimators(t.Context(), c.Sigma, fitting)
	if err != nil {
		t.Fatal(err)
	}
	r := ar.Rand(1, "extreme", 0)
	for _, sizes := range [][]float64{
		{1, 1, 1}, {1e-150, 1e-150, 1e-150}, {1e-165, 1e-160, 1e-155}, {1e20, 1e20, 1e20},
		{1e80, 1, 1e-80},
		{1, 1e-65, 1e-66}, {1e155, 1e155, 1e155}, {1e300, 1e-300, 1}, {math.MaxFloat64, 1, 0},
		{5e-324, 0, 0},
	} {
		t.Run(fmt.Sprint(sizes), func(t *testing.T) {
			states := make([]float64, 8*3)
			for i := range states {
				states[i] = (2*r.Float64() - 1) * sizes[i%3]
			}
			predictions, err := m.Sequence(t.Context(), states, 3, all)
			if err != nil && sizes[0] > 1e100 {
				return // the cubes in the model's attention are not finite, and it says so
			}
			if err != nil {
				t.Fatal(err)
			}
			document, err := json.Marshal(predictions)
			if err != nil {
				t.Fatal(err)
			}
			if len(predictions) != len(all)+1 || len(document) < 1000 {
				t.Errorf("%d predictions of %d, %d bytes", len(predictions), len(all)+1,
					len(document))
			}
		})
	}
}
