package cuda_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// deck deals the sequences of a set in an order that changes with the step.
type deck struct {
	set batch
	n   int
}

func (d deck) All(context.Context) (batch, error) { return d.set, nil }

func (d deck) Order(k int) (numbers []int) {
	for i := range d.n {
		numbers = append(numbers, (7*k+3*i)%d.set.N)
	}
	return numbers
}

func (d deck) Batch(_ context.Context, k int) (batch, error) { return of(d.set, d.Order(k)), nil }

// drawn has the same batches as a deck, each drawn anew, and fails after the last.
type drawn struct {
	deck deck
	last int
}

var errDrawn = errors.New("nothing is left to draw")

func (d drawn) Batch(ctx context.Context, k int) (batch, error) {
	if k > d.last {
		return batch{}, errDrawn
	}
	return d.deck.Batch(ctx, k)
}

// small is a model whose steps an emulator makes in a moment.
func small() nn.Config {
	c := rich()
	c.Depth, c.Length, c.Position = 1, 3, nn.NoPosition
	c.MLP, c.MLPNorm, c.Activation = 0, false, ""
	return c
}

// descend returns a model and what makes its steps.
func descend(t *testing.T, build nn.NewBackend, c nn.Config, seed uint64, d nn.Descent) (model,
	nn.Stepper) {
	t.Helper()
	m := newModel(t, c, seed)
	b, err := build(m)
	if err != nil {
		t.Fatal(err)
	}
	d.Optimiser = nn.NewAdamW(m.Parameters(), 0.1)
	d.Rate = func(k int) float64 { return 0.01 / float64(k) }
	s, err := nn.Descend(context.Background(), b, m.Parameters(), d)
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

// steps makes steps up to the last and returns their losses.
func steps(t *testing.T, s nn.Stepper, first, last int) (losses []float64) {
	t.Helper()
	for k := first; k <= last; {
		made, err := s.Steps(context.Background(), k, last-k+1)
		if err != nil || len(made) == 0 {
			t.Fatalf("step %d: %v", k+len(made), err)
		}
		losses, k = append(losses, made...), k+len(made)
	}
	return losses
}

// finish has the model be as the steps have made it.
func finish(t *testing.T, s nn.Stepper) {
	t.Helper()
	if err := errors.Join(s.Sync(context.Background()),
		s.Close(context.Background())); err != nil {
		t.Fatal(err)
	}
}

// onlyGradients hides that a backend makes steps.
func onlyGradients(build nn.NewBackend) nn.NewBackend {
	return func(m model) (nn.Backend, error) {
		b, err := build(m)
		return struct{ nn.Backend }{b}, err
	}
}

// Steps of a descent on a device have the bits of the host's by its gradients, from sets and
// from batches that are drawn anew.
func TestDescentIsThatOfTheHost(t *testing.T) {
	c := small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	build := cuda.On(emulator.New())
	want, host := descend(t, onlyGradients(build), c, 1, nn.Descent{Feed: cards, Last: 9})
	losses := steps(t, host, 1, 9)
	for name, feed := range map[string]nn.Feed{"a set": cards, "drawn": drawn{cards, 9}} {
		got, on := descend(t, build, c, 1, nn.Descent{Feed: feed, Last: 9})
		if made := steps(t, on, 1, 9); !slices.Equal(made, losses) {
			t.Errorf("%s: losses %v, want %v", name, made, losses)
		}
		finish(t, on)
		if !slices.Equal(bits(nn.Tensors(got.Parameters())...),
			bits(nn.Tensors(want.Parameters())...)) {
			t.Errorf("%s: the weights have other bits", name)
		}
	}
}

// What a feed says is said at its step, after those before it.
func TestFeedThatFails(t *testing.T) {
	c := small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	_, s := descend(t, cuda.On(emulator.New()), c, 1,
		nn.Descent{Feed: drawn{cards, 3}, Last: 9})
	steps(t, s, 1, 3)
	if losses, err := s.Steps(context.Background(), 4, 6); !errors.Is(err, errDrawn) ||
		len(losses) > 0 {
		t.Errorf("step 4: %v, %v", losses, err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
