// Package backendtest checks implementations of nn.Backend: what training relies
// on. A backend needs one call of Test in a test.
package backendtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"

	"icar/ar"
	"icar/nn"
)

// Shapes: N batch, T time, D embed.

// Test returns an error that names a property which backends made by build lack,
// with the models that show it:
//
//   - loss, gradient and predictions of random models and batches agree with the
//     reference in float64 up to the rounding of float32, see bound.go; among the
//     batches are some of one sequence, of one token, and of a number of sequences
//     that fills no block;
//   - results are the same bits at any GOMAXPROCS, and do not depend on what was
//     computed before;
//   - a batch that is none for the model is refused, a context that is done ends a
//     call with its cause, and what is not finite is named.
//
// Models about which build says errors.ErrUnsupported do not count, unless they
// are too many.
func Test(build nn.NewBackend) error {
	return suite{build, 16*35 + 5, 137, []int{1, 2, 7}, 120, 30}.run()
}

// Small returns what [Test] does, of fewer models on smaller batches: for what computes on
// a device that is imitated, a hundred times as slowly.
func Small(build nn.NewBackend) error {
	return suite{build, 16*2 + 5, 33, []int{1, 2}, 16, 8}.run()
}

// suite is the extent of a test.
type suite struct {
	build  nn.NewBackend
	many   int // sequences of a batch, no multiple of 16
	long   int // tokens of a sequence that is
	procs  []int
	models int // random ones, from which
	least  int // there has to be a backend for
}

func (s suite) run() error {
	for _, check := range []func() error{
		s.refusals, s.nonFinite, s.trace, s.reference, s.processors,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// kind is a model and the number of sequences to train it on.
type kind struct {
	name   string
	config nn.Config
	n      int
}

// kinds are models that between them use every part, on batches whose last block
// of 16 is not full.
func kinds(many, tokens int) []kind {
	softmax := nn.Config{
		Width: 2, Embed: 4, Depth: 2, Heads: 2, Attention: nn.SoftmaxAttention, Norm: true,
		Residual: true, MLP: 2, Position: nn.ProductPosition, Length: 6, Coords: 2,
	}
	linear, narrow, long, additive, split := softmax, softmax, softmax, softmax, softmax
	wide := softmax
	wide.Embed, wide.Depth, wide.MLP = 66, 1, 1
	linear.Attention = nn.LinearAttention
	narrow.Attention, narrow.Depth, narrow.Width, narrow.Embed = nn.LinearAttention, 1, 5, 10
	long.Attention, long.Position, long.Length = nn.LinearAttention, nn.NoPosition, tokens
	additive.Attention, additive.Position = nn.LinearAttention, nn.AdditivePosition
	split.Mixer, split.Position, split.PreNorm = "multihead", nn.NoPosition, true
	split.Activation, split.MLPNorm, split.FinalNorm = nn.GELU, true, true
	return []kind{
		{"softmax", softmax, many}, {"linear", linear, many}, {"narrow", narrow, many},
		{"long", long, 37}, {"additive", additive, many}, {"multihead", split, many},
		{"wide", wide, 37},
	}
}

// batch draws n sequences of length tokens and their targets.
func batch(c nn.Config, n, length int, seed uint64) nn.Batch[float32] {
	r := ar.Rand(seed, "backendtest batch", 0)
	x, y := make([]float32, n*length*c.Width), make([]float32, n*length*c.Coords)
	for _, s := range [][]float32{x, y} {
		for i := range s {
			s[i] = float32(r.NormFloat64())
		}
	}
	return nn.Batch[float32]{N: n, T: length, X: x, Y: y}
}

// start returns a model with its backend; both are nil if there is none for it.
func start(build nn.NewBackend, c nn.Config, seed uint64) (
	*nn.Transformer[float32], nn.Backend, error) {
	m, err := nn.New[float32](c, seed)
	if err != nil {
		return nil, nil, err
	}
	b, err := build(m)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil, nil
	}
	return m, b, err
}

// each calls f for every kind that there is a backend for. The error is f's, with
// the kind's name.
func (s suite) each(f func(kind, *nn.Transformer[float32], nn.Backend) error) error {
	var wrong []error
	taken := 0
	for _, k := range kinds(s.many, s.long) {
		m, by, err := start(s.build, k.config, 1)
		if err == nil && m != nil {
			taken++
			err = f(k, m, by)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", k.name, err))
		}
	}
	if taken == 0 && len(wrong) == 0 {
		wrong = append(wrong, errors.New("there is a backend for no kind of model"))
	}
	return errors.Join(wrong...)
}

// processors trains for three steps on several numbers of processors.
func (s suite) processors() error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	return s.each(func(k kind, _ *nn.Transformer[float32], _ nn.Backend) error {
		var want [][]float32
		for _, count := range s.procs {
			runtime.GOMAXPROCS(count)
			got, err := s.train(k)
			if err != nil {
				return err
			}
			if want == nil {
				want = got
			}
			for i := range got {
				if !same(got[i], want[i]) {
					return fmt.Errorf("%d processors give other bits than one "+
						"in array %d of losses, weights and predictions", count, i)
				}
			}
		}
		return nil
	})
}

// train makes three steps of Adam and returns all that came of it: losses, weights
// and predictions.
func (s suite) train(k kind) (bits [][]float32, err error) {
	m, by, err := start(s.build, k.config, 1)
	if err != nil {
		return nil, err
	}
	adam, err := nn.NewOptimiser(nn.AdamName, m.Parameters())
	if err != nil {
		return nil, err
	}
	b := batch(k.config, k.n, k.config.Length, 1)
	ctx := context.Background()
	for step := 1; step <= 3; step++ {
		loss, err := by.Gradient(ctx, b)
		if err != nil {
			return nil, err
		}
		adam.Step(step, 1e-2)
		bits = append(bits, []float32{float32(loss)})
	}
	for _, p := range m.Parameters() {
		bits = append(bits, p.Data)
	}
	out, err := by.Predict(ctx, b)
	return append(bits, out), err
}

// same returns whether x and y are the same numbers, signs of zero included.
func same(x, y []float32) bool {
	return slices.EqualFunc(x, y, func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b)
	})
}

// trace compares results after those of longer, shorter, larger and smaller
// batches with those of a new backend.
func (s suite) trace() error {
	return s.each(func(k kind, used *nn.Transformer[float32], by nn.Backend) error {
		ctx := context.Background()
		long := k.config.Length
		for i, shape := range [][2]int{{3, 6}, {40, 2}, {1, 6}, {17, 1}, {5, long}, {33, 6}} {
			b := batch(k.config, shape[0], shape[1], uint64(i))
			fresh, first, err := start(s.build, k.config, 1)
			if err != nil {
				return err
			}
			want, err := first.Gradient(ctx, b)
			if err != nil {
				return err
			}
			if got, err := by.Gradient(ctx, b); err != nil || got != want {
				return fmt.Errorf("with N, T = %v: the loss is %v, %v, after other batches and %v "+
					"at first", shape, got, err, want)
			}
			for j, p := range fresh.Parameters() {
				if !same(used.Parameters()[j].Grad, p.Grad) {
					return fmt.Errorf("with N, T = %v: the gradient of %s has other bits "+
						"after other batches", shape, p.Name)
				}
			}
			if again, err := by.Loss(ctx, b); err != nil || again != want {
				return fmt.Errorf("with N, T = %v: Loss returns %v, %v, Gradient %v",
					shape, again, err, want)
			}
		}
		return nil
	})
}

// nonFinite puts a NaN or an infinity in a parameter, a token or a target, also of
// the sequence that begins a block, and looks whom the error names.
func (s suite) nonFinite() error {
	return s.each(func(k kind, m *nn.Transformer[float32], by nn.Backend) error {
		c, ctx := k.config, context.Background()
		b := batch(c, 17, min(c.Length, 6), 1)
		p := m.Parameters()[len(m.Parameters())/2]
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			for _, at := range []struct {
				tensor string
				index  int
				place  *float32
			}{
				{p.Name, 1, &p.Data[1]}, {"x", 4, &b.X[16*b.T*c.Width+4]}, {"y", 2, &b.Y[2]},
			} {
				good := *at.place
				*at.place = bad
				want := nn.NonFiniteError{Tensor: at.tensor, Index: at.index}
				var named nn.NonFiniteError
				if _, err := by.Gradient(ctx, b); !errors.As(err, &named) || named != want {
					return fmt.Errorf("%v in %s[%d]: the error is %v",
						bad, at.tensor, at.index, err)
				}
				*at.place = good
			}
		}
		if _, err := by.Gradient(ctx, b); err != nil {
			return fmt.Errorf("all is finite again: %w", err)
		}
		return nil
	})
}

// refusals asks for what a backend has to refuse.
func (s suite) refusals() error {
	return s.each(func(k kind, _ *nn.Transformer[float32], by nn.Backend) error {
		if by.Arithmetic() == "" {
			return errors.New("its arithmetic has no name")
		}
		b := batch(k.config, 40, 3, 1)
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		_, gradient := by.Gradient(ctx, b)
		_, loss := by.Loss(ctx, b)
		_, predict := by.Predict(ctx, b)
		for _, err := range []error{gradient, loss, predict} {
			if !errors.Is(err, cause) {
				return fmt.Errorf("a context that is done ends a call with %v, not with its cause",
					err)
			}
		}
		ctx = context.Background()
		_, gradient = by.Gradient(ctx, nn.Batch[float32]{N: b.N, T: b.T, X: b.X})
		_, loss = by.Loss(ctx, nn.Batch[float32]{N: b.N, T: b.T, X: b.X})
		_, predict = by.Predict(ctx, nn.Batch[float32]{N: b.N, T: b.T, X: b.X[1:]})
		_, empty := by.Predict(ctx, nn.Batch[float32]{})
		for i, err := range []error{gradient, loss, predict, empty} {
			if err == nil {
				return fmt.Errorf("batch %d of those without targets, of the wrong size and empty "+
					"is taken", i)
			}
		}
		return nil
	})
}
