package bench

import (
	"context"
	"fmt"

	"icar/nn"
	"icar/nn/kernel"
)

// Plan is the plan of a case, with what it says of numbers of processors.
type Plan struct {
	Case string `json:"case"`
	*nn.Plan
	Predictions []nn.Prediction `json:"predictions"`
}

// NewPlan makes a plan of c on k from so many steps. The error is the context's, or
// says that the case has no model.
func NewPlan(ctx context.Context, c Case, k kernel.Kernel, steps int, processors []int) (
	Plan, error) {
	p := Plan{Case: c.Name}
	if c.Name == Sampling {
		return p, fmt.Errorf("%s is no step of a model: choose another case", c.Name)
	}
	model, batch, err := c.start(ctx)
	if err != nil {
		return p, err
	}
	if p.Plan, err = nn.NewPlan(ctx, model, k, batch, steps); err != nil {
		return p, fmt.Errorf("%s: %w", c.Name, err)
	}
	for _, n := range processors {
		p.Predictions = append(p.Predictions, p.Predict(n))
	}
	return p, nil
}
