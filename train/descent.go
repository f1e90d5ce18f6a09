package train

import (
	"context"
	"math"

	"icar/nn"
)

// descent is a model with its optimiser: the one place that decides how a
// gradient is computed.
type descent struct {
	config    Config
	engine    *nn.Engine
	optimiser nn.Optimiser[float32]
}

func newDescent(c Config, e *nn.Engine) (*descent, error) {
	o, err := nn.NewOptimiser(c.Optimiser, e.Model().Parameters())
	return &descent{c, e, o}, err
}

// step makes step k = 1, 2, … on a batch and returns the loss before it. On an
// error, that of nn.Engine.Gradient, the model is as it was.
func (d *descent) step(ctx context.Context, k int, b nn.Batch[float32]) (loss float64, err error) {
	loss, err = d.engine.Gradient(ctx, b)
	if err != nil {
		return 0, err
	}
	d.optimiser.Step(k, d.config.rate(k))
	return loss, nil
}

// rate returns the learning rate of step k = 1, 2, …
func (c Config) rate(k int) float64 {
	if c.Schedule == Cosine {
		return c.LearningRate * (1 + math.Cos(math.Pi*float64(k-1)/float64(c.Steps()))) / 2
	}
	return c.LearningRate
}
