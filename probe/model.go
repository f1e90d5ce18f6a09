package probe

// Shapes: N sequences, T positions, d token dimension, c token width.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"icar/ar"
	"icar/estimator"
	"icar/nn"
	"icar/train"
)

// Model is a trained Transformer in float64, so that what a probe subtracts is
// what the model does and not rounding.
type Model struct {
	Config train.Config // of its training, resolved
	Net    *nn.Transformer[float64]
}

// New widens a trained model to float64. The error is that of
// train.Config.Resolve, or weights that are not those of c.
func New(c train.Config, m *nn.Transformer[float32]) (*Model, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	net, err := nn.New[float64](c.Config, c.Seed)
	if err != nil {
		return nil, err
	}
	if err := nn.Import(nn.Tensors(net.Parameters()),
		nn.Export(nn.Tensors(m.Parameters()))); err != nil {
		return nil, err
	}
	return &Model{c, net}, nil
}

// Open returns the model of a run at its last checkpoint, whose configuration
// means what the catalogue says, nil for the standard one. The error says that
// path holds no run that can be read, or one without a checkpoint.
func Open(path string, catalogue *train.Catalogue) (*Model, error) {
	r, config, err := catalogue.ReadRun(path)
	if err != nil {
		return nil, err
	}
	net, err := train.Load(config, r.Checkpoint())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no checkpoint: train it first, icar train --resume %s", path,
			path)
	}
	if err != nil {
		return nil, err
	}
	return New(config, net)
}

// Given draws n test sequences of the model's training, of those in a file at most as
// many as there are, and others of its training sequences to fit on. The error is a
// [train.FileError] of a file that cannot be read or holds too few.
func (m *Model) Given(n int) (Given, error) {
	g, err := Draw(m.Config, n)
	if err == nil && m.Config.Data != "" && g.Test.N < fewest {
		err = train.FileError{Err: fmt.Errorf("%d sequences of %s were held out, and "+
			"a probe needs %d: train with --test %[3]d or --test-data", g.Test.N, m.Config.Data,
			fewest)}
	}
	return g, err
}

// Draw draws n test sequences of a configuration, others of its training stream to fit
// on, and what is known of its law.
func Draw(c train.Config, n int) (g Given, err error) {
	g.Seed = c.Seed
	if g.Test, err = train.Sequences(c, train.TestStream, n); err != nil {
		return g, err
	}
	if g.Fitting, err = train.Sequences(c, train.TrainStream, fittedOn); err != nil {
		return g, err
	}
	if c.OfProcess() {
		g.Sigma = c.Sigma
		if floor, err := estimator.BayesFloor(c.Process,
			g.Test.T); err == nil { // none is known under noise
			g.Floor = floor
		}
	}
	return g, nil
}

// fewest is the smallest number of test sequences that a model is looked at with.
const fewest = 40

// Analyse runs every probe on n test sequences of the model's training, of those in a
// file at most as many as there are. The error is a probe's, or the context's.
func (m *Model) Analyse(ctx context.Context, n int) (Analysis, error) {
	g, err := m.Given(n)
	if err != nil {
		return Analysis{}, err
	}
	return m.AnalyseOn(ctx, g)
}

// AnalyseOn is Analyse on what Given has drawn.
func (m *Model) AnalyseOn(ctx context.Context, g Given) (Analysis, error) {
	a, err := Analyse(ctx, m, g)
	if m.Config.Data != "" {
		a.Missing = append(a.Missing, unknownLaw)
	}
	return a, err
}

// Untrained returns the model of c before its first step.
func Untrained(c train.Config) (*Model, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	net, err := nn.New[float64](c.Config, c.Seed)
	return &Model{c, net}, err
}

// with returns a model of another configuration whose parameters are set by
// name; name is the parameter's in the new model.
func (m *Model) with(c nn.Config, set func(name string, data []float64)) (*Model, error) {
	config := m.Config
	config.Config = c
	net, err := nn.New[float64](c, config.Seed)
	if err != nil {
		return nil, err
	}
	for _, p := range net.Parameters() {
		set(p.Name, p.Data)
	}
	return &Model{config, net}, nil
}

// parameters returns the model's parameters by name.
func (m *Model) parameters() map[string][]float64 {
	all := map[string][]float64{}
	for _, p := range m.Net.Parameters() {
		all[p.Name] = p.Data
	}
	return all
}

// clone returns a copy whose parameters can be changed.
func (m *Model) clone() (*Model, error) {
	own := m.parameters()
	return m.with(m.Config.Config, func(name string, data []float64) { copy(data, own[name]) })
}

// Batch encodes sequences as the model's tokens. The error says in what they
// do not fit it.
func (m *Model) Batch(s ar.Batch[float64]) (nn.Batch[float64], error) {
	if err := m.fits(s.D, s.T); err != nil {
		return nn.Batch[float64]{}, err
	}
	tokens, err := m.Config.Encoding()
	if err != nil {
		return nn.Batch[float64]{}, err
	}
	x, err := s.Inputs(tokens)
	return nn.Batch[float64]{N: s.N, T: s.T, X: x, Y: s.Targets()}, err
}

func (m *Model) fits(d, t int) error {
	switch {
	case d != m.Config.D:
		return fmt.Errorf("the sequence has tokens of dimension %d and the model was trained on %d: "+
			"use a model of dimension %d, train --d %d", d, m.Config.D, d, d)
	case t < 1:
		return errors.New("the sequence has no tokens")
	case m.Config.Position != nn.NoPosition && t > m.Config.Length:
		return fmt.Errorf("the sequence has %d tokens and the model's table of positions %d: cut the "+
			"sequence, or train with --length %d", t, m.Config.Length, t)
	}
	return nil
}

// Activations returns every tensor of the forward pass on sequence n, by the
// names and in the shapes that nn.Transformer.Activations lists. The error says
// in what the sequences do not fit the model.
func (m *Model) Activations(s ar.Batch[float64], n int) ([]nn.Tensor[float64], error) {
	b, err := m.Batch(s)
	if err != nil {
		return nil, err
	}
	size := b.T * m.Config.Width
	return m.Net.Activations(b.X[n*size : (n+1)*size])
}

// Predict returns the predictions (N, T, d) of s_{T+1} at every position.
func (m *Model) Predict(ctx context.Context, s ar.Batch[float64]) ([]float64, error) {
	b, err := m.Batch(s)
	if err != nil {
		return nil, err
	}
	out, err := m.Net.Predict(ctx, b)
	if err != nil {
		return nil, err
	}
	return m.coordinates(out), nil
}

// coordinates cuts outputs (N, T, c) down to the d coordinates of a state.
func (m *Model) coordinates(out []float64) []float64 {
	d, c := m.Config.D, m.Config.Width
	cut := make([]float64, 0, len(out)/c*d)
	for i := 0; i < len(out); i += c {
		cut = append(cut, out[i:i+d]...)
	}
	return cut
}

// MSE returns the mean squared error over positions and coordinates of every
// sequence (N).
func (m *Model) MSE(ctx context.Context, s ar.Batch[float64]) ([]float64, error) {
	predictions, err := m.Predict(ctx, s)
	if err != nil {
		return nil, err
	}
	return perSequence(predictions, s.Targets(), s.N), nil
}

func perSequence(predictions, targets []float64, n int) []float64 {
	errors := make([]float64, n)
	size := len(targets) / n
	for i, y := range targets {
		e := predictions[i] - y
		errors[i/size] += e * e / float64(size)
	}
	return errors
}

// dot is Σ a_i b_i.
func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func norm(a []float64) float64 { return math.Sqrt(dot(a, a)) }

// cosine of two vectors; NaN if one is zero.
func cosine(a, b []float64) float64 { return dot(a, b) / (norm(a) * norm(b)) }

// distance is |a - b|.
func distance(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return math.Sqrt(sum)
}
