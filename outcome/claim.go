package outcome

import (
	"encoding/json"
	"fmt"
	"math"

	"icar/figure"
)

// Relation says how a measured value has to stand to the predicted one.
type Relation string

const (
	Equals  Relation = "equals"   // |measured - predicted| ≤ tolerance
	AtMost  Relation = "at_most"  // measured ≤ predicted + tolerance
	AtLeast Relation = "at_least" // measured ≥ predicted - tolerance
)

// Claim is the unit of truth: one statement with the value that was measured,
// the value that theory predicts, and what separates a pass from a failure.
//
// A claim about a mean that is known to within an interval measures the end of
// the interval that is nearer to failing: the upper one where the claim is
// AtMost, the lower one where it is AtLeast. Its statement says so, and names
// the mean. The tolerance only ever gives, it never takes: it is not negative.
type Claim struct {
	ID string `json:"id"` // unique over all experiments: EXPERIMENT/NAME
	// who makes it: "Prop. 2", "Fig. 7", "Zheng et al. 2024", "ours"
	Source    string        `json:"source"`
	Statement string        `json:"statement"` // a sentence that begins with the finding
	Measured  figure.Number `json:"measured"`  // null in JSON when it is not finite
	Predicted float64       `json:"predicted"`
	Tolerance float64       `json:"tolerance"` // 0 or more
	Relation  Relation      `json:"relation"`
	Reason    string        `json:"reason"` // where the tolerance comes from
	// Interval is that of the mean of which Measured is an end; the zero Interval of a claim
	// that measures something else.
	Interval Interval `json:"interval,omitzero"`
	// Figure is the name of the figure that shows it, "" of the experiment's main figure.
	Figure string `json:"figure,omitempty"`
	// Pass follows from the four above. It is written for readers of the file and
	// found anew when one is read.
	Pass bool `json:"pass"`
}

// Interval is a mean and the ends between which it is known to be.
type Interval struct {
	Low  figure.Number `json:"low"`
	Mean figure.Number `json:"mean"`
	High figure.Number `json:"high"`
}

// UnmarshalJSON reads a claim and decides anew whether it passes: the numbers
// are what was found, and a file that says otherwise is wrong about them. The
// error is that of numbers which no claim has.
func (c *Claim) UnmarshalJSON(data []byte) error {
	type plain Claim // without this method
	if err := json.Unmarshal(data, (*plain)(c)); err != nil {
		return err
	}
	return c.Judge()
}

// Judge sets Pass. A measurement that is not finite never passes; a prediction
// or tolerance that is not finite, and a tolerance below 0, is an error in the
// experiment.
func (c *Claim) Judge() error {
	if x := c.Predicted + c.Tolerance; math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("claim %s: the prediction is %g and the tolerance %g",
			c.ID, c.Predicted, c.Tolerance)
	}
	if c.Tolerance < 0 {
		return fmt.Errorf("claim %s: the tolerance %g is negative: measure the end of the interval, "+
			"or put the margin into what is predicted", c.ID, c.Tolerance)
	}
	m := float64(c.Measured)
	switch c.Relation {
	case Equals:
		c.Pass = math.Abs(m-c.Predicted) <= c.Tolerance
	case AtMost:
		c.Pass = m <= c.Predicted+c.Tolerance && !math.IsInf(m, 0)
	case AtLeast:
		c.Pass = m >= c.Predicted-c.Tolerance && !math.IsInf(m, 0)
	default:
		return fmt.Errorf("claim %s: unknown relation %q", c.ID, c.Relation)
	}
	return nil
}
