package backendtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"icar/ar"
	"icar/nn"
)

// The bound. A sum of n terms with unit roundoff u is the exact sum of terms
// changed by at most n·u relative, so a float32 gradient is that of numbers
// changed by about terms·u. What a change of u does to a gradient, its condition,
// is measured: the largest of four random changes of all parameters and tokens. To
// that comes u times the largest gradient of the model, since some gradients vanish
// in exact arithmetic (key biases under softmax) and so does their condition. The
// bound on the Euclidean distance is terms times both.

// unit is the unit roundoff of float32.
const unit = 0x1p-24

// most is the number of complaints after which it is enough.
const most = 5

// longOnes come before the random models: layers whose attention is a sum over segments
// of the context with a norm at every place, and wide ones of more than eight tokens.
func longOnes() []nn.Config {
	return []nn.Config{
		{Width: 3, Embed: 6, Depth: 2, Heads: 2, Attention: nn.LinearAttention, Norm: true,
			PreNorm: true, Residual: true, MLP: 1, MLPNorm: true, FinalNorm: true,
			Position: nn.NoPosition, Length: 200, Coords: 2},
		{Width: 3, Embed: 66, Depth: 2, Heads: 1, Attention: nn.LinearAttention, Norm: true,
			Residual: true, Position: nn.NoPosition, Length: 40, Coords: 3},
	}
}

// reference compares a backend with the reference in float64.
func (s suite) reference() error {
	var wrong []error
	taken, forced := 0, longOnes()
	for i := 0; i < s.models && len(wrong) < most; i++ {
		r := ar.Rand(7, "backendtest", uint64(i))
		c := draw(r)
		if i < len(forced) {
			c = forced[i]
		}
		m, by, err := start(s.build, c, uint64(i))
		if err == nil && m != nil {
			taken++
			tame(m)
			n, length := pick(r, 1, 2, 15, 16, 17, 33, 40), 1+r.IntN(c.Length)
			if i < len(forced) {
				n, length = 3, c.Length
			}
			err = compare(m, by, batch(c, n, length, uint64(i)), r)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("model %d, %+v: %w", i, c, err))
		}
	}
	if taken < s.least && len(wrong) == 0 {
		wrong = append(wrong, fmt.Errorf("there is a backend for %d of %d models, fewer than %d",
			taken, s.models, s.least))
	}
	return errors.Join(wrong...)
}

// compare returns an error if loss, gradient or predictions are beyond the bound.
func compare(m *nn.Transformer[float32], by nn.Backend, b nn.Batch[float32], r *rand.Rand) error {
	loss, want, err := exact(m, b, 0, r)
	if err != nil {
		return err
	}
	condition, largest, dloss := make([]float64, len(want)), 0.0, 0.0
	for range 4 {
		changed, gradients, err := exact(m, b, unit, r)
		if err != nil {
			return err
		}
		dloss = max(dloss, math.Abs(changed-loss))
		for j, g := range gradients {
			condition[j] = max(condition[j], distance(g, want[j]))
			largest = max(largest, distance(make([]float64, len(g)), want[j]))
		}
	}
	got, err := by.Gradient(context.Background(), b)
	if err != nil {
		return err
	}
	out, err := by.Predict(context.Background(), b)
	if err != nil {
		return err
	}
	roundings := terms(m.Config(), b)
	check := func(what string, e, bound float64) error {
		if !(e <= bound) {
			return fmt.Errorf("with N = %d, T = %d: %s is off by %.3g, the bound is %.3g",
				b.N, b.T, what, e, bound)
		}
		return nil
	}
	lossBound, predicted := roundings*(dloss+unit*loss), meanSquare(m.Config(), b, out)
	wrong := []error{
		check("the loss", math.Abs(got-loss), lossBound),
		check("the loss of the predictions", math.Abs(predicted-loss), lossBound),
	}
	for j, p := range m.Parameters() {
		bound := roundings * (condition[j] + unit*largest)
		wrong = append(wrong, check("the gradient of "+p.Name, distance(p.Grad, want[j]), bound))
	}
	return errors.Join(wrong...)
}

// terms counts the roundings that a number of the model's gradient goes through
// one after the other: sums over T tokens and D + 1 entries forward and back in
// every layer, with two of D for the layer norm and the hidden units of the MLP,
// over H heads and N sequences.
func terms(c nn.Config, b nn.Batch[float32]) float64 {
	layer := 2*(2*b.T+6*(c.Embed+1)) + 4*c.Embed + 2*c.MLP*c.Embed + 2*c.Heads
	return float64(c.Depth*layer + 2*(c.Embed+1) + b.N)
}

// exact returns loss and gradients of m in float64, with parameters and tokens
// changed by a relative e times uniform numbers of [-1, 1] from r.
func exact(m *nn.Transformer[float32], b nn.Batch[float32], e float64, r *rand.Rand) (
	loss float64, gradients [][]float64, err error) {
	wide := func(x []float32) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = float64(v) * (1 + e*(2*r.Float64()-1))
		}
		return y
	}
	twin, err := nn.New[float64](m.Config(), 1)
	if err != nil {
		return 0, nil, err
	}
	for i, p := range m.Parameters() {
		copy(twin.Parameters()[i].Data, wide(p.Data))
	}
	loss, err = twin.Gradient(context.Background(),
		nn.Batch[float64]{N: b.N, T: b.T, X: wide(b.X), Y: wide(b.Y)})
	for _, p := range twin.Parameters() {
		gradients = append(gradients, p.Grad)
	}
	return loss, gradients, err
}

// meanSquare is the loss of predictions (N, T, c).
func meanSquare(c nn.Config, b nn.Batch[float32], out []float32) float64 {
	sum := 0.0
	for i, y := range b.Y {
		e := float64(out[i/c.Coords*c.Width+i%c.Coords]) - float64(y)
		sum += e * e
	}
	return sum / float64(len(b.Y))
}

// distance is the Euclidean length of x - y.
func distance[F nn.Float](x []F, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += (float64(v) - y[i]) * (float64(v) - y[i])
	}
	return math.Sqrt(sum)
}

func pick[E any](r *rand.Rand, values ...E) E { return values[r.IntN(len(values))] }

// draw returns a model with every switch either way, up to six layers, lengths around
// powers of two, and a few of D = 32 to 300. The layer norm of two numbers is little more than a sign,
// whose gradient is a difference of nearly equal numbers: that shows in no change
// of weights and tokens, so the bound would be too small.
func draw(r *rand.Rand) nn.Config {
	width := 1 + r.IntN(3)
	c := nn.Config{
		Width: width, Embed: width * (1 + r.IntN(2)),
		Depth: pick(r, 1, 1, 2, 3, 4, 5, 6), Heads: 1 + r.IntN(3),
		Attention: pick(r, nn.LinearAttention, nn.SoftmaxAttention),
		Norm:      pick(r, true, false), Residual: pick(r, true, false), MLP: r.IntN(3),
		Position: pick(r, nn.NoPosition, nn.AdditivePosition, nn.ProductPosition),
		Length:   pick(r, 1, 2, 5, 8, 9, 16, 19, 30), Coords: 1 + r.IntN(width),
	}
	c.Norm = c.Norm && c.Embed > 2
	c.PreNorm = c.Norm && r.IntN(5) == 0
	if r.IntN(30) == 0 { // a wide one, small else since the reference in float64 is slow
		c.Embed, c.Depth, c.Heads = width*(1+(31+r.IntN(270))/width), 1, 1+r.IntN(2)
		c.MLP, c.Length = min(c.MLP, 1), pick(r, 2, 5)
	}
	if c.Embed%c.Heads == 0 && c.Position != nn.ProductPosition && r.IntN(3) == 0 {
		c.Mixer = nn.MultiHead{}.Name()
	}
	c.FinalNorm = c.Embed > 2 && r.IntN(5) == 0
	if c.MLP > 0 && r.IntN(3) == 0 {
		c.MLPNorm, c.Activation = c.Embed > 2, nn.GELU
	}
	return c
}

// tame scales the parameters of models without layer norm down: a layer of linear
// attention is cubic in its input and sums T of them, so six of them leave the
// range of float32.
func tame(m *nn.Transformer[float32]) {
	c := m.Config()
	if c.Attention == nn.SoftmaxAttention || c.Norm && !c.PreNorm || c.Depth == 1 {
		return
	}
	for _, p := range m.Parameters() {
		for i := range p.Data {
			p.Data[i] *= 0.4
		}
	}
}
