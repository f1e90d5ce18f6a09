package train

import (
	"math"

	"icar/nn"
)

// optimiser returns that of c for parameters.
func (c Config) optimiser(p []nn.Parameter[float32]) (nn.Optimiser[float32], error) {
	if c.Optimiser == nn.AdamWName {
		return nn.NewAdamW(p, c.WeightDecay), nil
	}
	return nn.NewOptimiser(c.Optimiser, p)
}

// descent is how the model is trained.
func (t *trainer) descent() nn.Descent {
	c := t.config
	return nn.Descent{Feed: t.Source, Optimiser: t.optimiser, Rate: c.rate, Clip: c.Clip,
		Last: c.Steps(), Notice: t.Notice}
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
