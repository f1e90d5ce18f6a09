package outcome

import (
	"math"
	"testing"

	"icar/figure"
)

func TestClaimIsJudged(t *testing.T) {
	for _, c := range []struct {
		relation                       Relation
		measured, predicted, tolerance float64
		pass                           bool
	}{
		{Equals, 1, 1, 0, true},
		{Equals, 1.1, 1, 0.2, true},
		{Equals, 0.9, 1, 0.05, false},
		{AtMost, 1, 2, 0, true},
		{AtMost, 2.1, 2, 0.2, true},
		{AtMost, 2.1, 2, 0, false},
		{AtLeast, 3, 2, 0, true},
		{AtLeast, 1.9, 2, 0.2, true},
		{AtLeast, 1.9, 2, 0, false},
		{AtMost, math.Inf(-1), 2, 0, false},
		{AtLeast, math.Inf(1), 2, 0, false},
		{Equals, math.NaN(), 2, 1e9, false},
	} {
		claim := Claim{Measured: figure.Number(c.measured), Predicted: c.predicted,
			Tolerance: c.tolerance, Relation: c.relation}
		if err := claim.Judge(); err != nil || claim.Pass != c.pass {
			t.Errorf("%+v: pass %v, %v", c, claim.Pass, err)
		}
	}
	for _, c := range []Claim{
		{Relation: Equals, Predicted: math.NaN()}, {Relation: Equals, Tolerance: math.Inf(1)},
		{Relation: "near"}, {Relation: AtMost, Predicted: 1, Tolerance: -0.5},
	} {
		if c.Judge() == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
