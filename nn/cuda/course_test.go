package cuda_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// TestWhatIsRefused checks that a model without kernels is refused by name, and
// misshapen courses with the reason.
func TestWhatIsRefused(t *testing.T) {
	wide := rich()
	wide.Embed = 66
	_, err := cuda.On(emulator.New())(newModel(t, wide, 1))
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "embed 66") {
		t.Errorf("embed 66: %v", err)
	}
	own := rich()
	own.Mixing = mine{}
	own.Mixer, own.Position = mine{}.Name(), nn.NoPosition
	_, err = cuda.On(emulator.New())(newModel(t, own, 1))
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), `"mine"`) {
		t.Errorf("a mixer of one's own: %v", err)
	}

	ctx, c, device := context.Background(), rich(), emulator.New()
	m, shape := newModel(t, c, 1), cuda.Shape{N: 3, T: c.Length, Steps: 2}
	less := c
	less.Length = 4
	trainer, err := cuda.NewTrainer(ctx, device, shape, m, m)
	if err != nil {
		t.Fatal(err)
	}
	set, order := hold(t, device, draw(c, 1, 3, 1))
	short, _ := hold(t, device, draw(less, 1, 3, 1))
	blind, _ := hold(t, device, []batch{{N: 3, T: 5, X: draw(c, 1, 3, 1)[0].X}})
	good := cuda.Course{First: 1, Rates: []float64{1}, Set: set, Order: order}
	for want, change := range map[string]func(c *cuda.Course){
		"2 steps on 1 batches": func(c *cuda.Course) { c.Rates = make([]float64, 2) },
		"room for 2": func(c *cuda.Course) {
			c.Rates, c.Order = make([]float64, 3), slices.Repeat(order, 3)
		},
		"no sequences of 5":  func(c *cuda.Course) { c.Set = short },
		"course 0 has no se": func(c *cuda.Course) { c.Set = nil },
		"has no targets":     func(c *cuda.Course) { c.Set = blind },
		"a batch is 3":       func(c *cuda.Course) { c.Order = [][]int{{0}} },
		"sequence 3 of 3":    func(c *cuda.Course) { c.Order = [][]int{{0, 3, 1}} },
		"sequence -1 of":     func(c *cuda.Course) { c.Order = [][]int{{0, -1, 1}} },
	} {
		bad := good
		change(&bad)
		if _, err := trainer.Steps(ctx, []cuda.Course{bad, {}}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("want %q, the error is %v", want, err)
		}
	}
	two := good
	two.Rates, two.Order = make([]float64, 2), slices.Repeat(order, 2)
	for want, courses := range map[string][]cuda.Course{
		"course 1 has 2 steps":   {good, two},
		"no course has a step":   {{}, {}},
		"1 courses for 2 models": {good},
	} {
		if _, err := trainer.Steps(ctx, courses); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("want %q, the error is %v", want, err)
		}
	}
	for _, state := range [][]nn.Tensor[float32]{stateOf(t, m)[1:],
		append(stateOf(t, m)[1:], nn.Tensor[float32]{Name: "odd"})} {
		if err := trainer.Send(ctx, 0, state); err == nil || !strings.Contains(err.Error(), "has") {
			t.Errorf("a state of %d tensors: %v", len(state), err)
		}
	}
	if _, err := cuda.NewTrainer(ctx, device, cuda.Shape{N: 3}, m); err == nil {
		t.Error("there is a trainer for no steps")
	}
	if _, err := cuda.NewTrainer(ctx, device, shape, m, newModel(t, less, 1)); err == nil ||
		!strings.Contains(err.Error(), "one shape") {
		t.Errorf("two shapes: %v", err)
	}
}

// mine is the attention of the paper under another name.
type mine struct{ nn.FullHeads }

func (mine) Name() string { return "mine" }
