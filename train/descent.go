package train

import (
	"context"
	"math"

	"icar/nn"
)

// descent is a model with its optimiser: the one place that decides how a
// gradient is computed.
type descent struct {
	config     Config
	parameters []nn.Parameter[float32]
	backend    nn.Backend // of the model with these parameters
	optimiser  nn.Optimiser[float32]
}

func newDescent(c Config, p []nn.Parameter[float32], b nn.Backend) (*descent, error) {
	if c.Optimiser == nn.AdamWName {
		return &descent{c, p, b, nn.NewAdamW(p, c.WeightDecay)}, nil
	}
	o, err := nn.NewOptimiser(c.Optimiser, p)
	return &descent{c, p, b, o}, err
}

// step makes step k = 1, 2, … on a batch and returns the loss before it. On an
// error, that of the backend, the model is as it was.
func (d *descent) step(ctx context.Context, k int, b nn.Batch[float32]) (loss float64, err error) {
	loss, err = d.backend.Gradient(ctx, b)
	if err != nil {
		return 0, err
	}
	if d.config.Clip > 0 {
		nn.Clip(d.parameters, d.config.Clip)
	}
	d.optimiser.Step(k, d.config.rate(k))
	return loss, nil
}

// rate returns the learning rate of step k = 1, 2, …: η k/U for the U steps of
// the warm-up, then that of the schedule.
//
// Adam divides by a mean of squared gradients that its first steps hardly
// know: it makes full steps in what may be chance directions. Small steps
// until the mean is known keep deep models off plateaus.
//
// Reference: Goyal et al., "Accurate, large minibatch SGD", 2017, arXiv
// 1706.02677, section 2.2; Liu et al., "On the variance of the adaptive
// learning rate and beyond", ICLR 2020, arXiv 1908.03265.
func (c Config) rate(k int) float64 {
	if k <= c.Warmup {
		return c.LearningRate * float64(k) / float64(c.Warmup)
	}
	if c.Schedule == Cosine {
		k, steps := k-c.Warmup, c.Steps()-c.Warmup
		return c.LearningRate * (1 + math.Cos(math.Pi*float64(k-1)/float64(steps))) / 2
	}
	return c.LearningRate
}
