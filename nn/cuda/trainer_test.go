package cuda_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// TestStepsAreThoseOfTheHost compares steps on the device with those that the host makes
// of the device's gradients, from the middle of a training with weight decay, with and
// without a bound of the gradient, in two courses of which the first is of an odd number and
// the second takes sequences in an order of its own: losses, weights and moments have the same
// bits.
func TestStepsAreThoseOfTheHost(t *testing.T) {
	for kind, c := range map[string]nn.Config{"rich": rich(), "folded": foldedCase()} {
		for name, bound := range map[string]float64{"any gradient": 0, "clipped": 0.5,
			"all but clipped": 1e3} {
			t.Run(kind+", "+name, func(t *testing.T) { stepsOfTheHost(t, c, bound) })
		}
	}
	t.Run("many heads, clipped", func(t *testing.T) { stepsOfTheHost(t, manyHeads(), 0.5) })
}

func stepsOfTheHost(t *testing.T, c nn.Config, bound float64) {
	ctx, device := context.Background(), emulator.New()
	batches, eta := draw(c, 2, 35, 1), []float64{1e-2, 3e-3, 2e-2}
	const decay, made = 0.1, 2
	set, order := hold(t, device, batches)
	mixed := slices.Concat(order...)
	slices.Reverse(mixed)
	order = append(order, mixed[10:45])

	host := newModel(t, c, 1)
	backend, err := cuda.On(device)(host)
	if err != nil {
		t.Fatal(err)
	}
	adam := nn.NewAdamW(host.Parameters(), decay)
	var norms []float64
	step := func(k int, b batch, eta float64) float64 {
		loss, err := backend.Gradient(ctx, b)
		if err != nil {
			t.Fatal(err)
		}
		if norms = append(norms, norm(host)); bound > 0 {
			nn.Clip(host.Parameters(), bound)
		}
		adam.Step(k, eta)
		return loss
	}
	for k := 1; k <= made; k++ {
		step(k, batches[0], 1e-2)
	}
	other := newModel(t, c, 2)
	state := stateOf(t, other)
	for i, p := range host.Parameters() {
		copy(other.Parameters()[i].Data, p.Data)
	}
	for i, s := range adam.State() {
		copy(state[i].Data, s.Data)
	}
	all, _ := joined(batches)
	var want []float64
	for i, rate := range eta {
		want = append(want, step(made+1+i, of(all, order[i]), rate))
	}
	if slices.Min(norms) < 0.5 || slices.Max(norms) > 1e3 {
		t.Fatalf("the norms of the gradients are %v: bounds between and beyond are no test", norms)
	}

	trainer, err := cuda.NewTrainer(ctx, device, cuda.Shape{N: 35, T: c.Length, Steps: 2},
		newModel(t, c, 3), other)
	if err != nil {
		t.Fatal(err)
	}
	if err := trainer.Send(ctx, 1, state); err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for _, k := range [][2]int{{0, 1}, {1, 3}} {
		outcomes, err := trainer.Steps(ctx, []cuda.Course{{}, {First: made + 1 + k[0],
			Rates: eta[k[0]:k[1]], Decay: decay, Clip: bound, Set: set, Order: order[k[0]:k[1]]}})
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, outcomes[1].Losses...)
	}
	if !slices.Equal(losses, want) {
		t.Errorf("losses %v, want %v", losses, want)
	}
	if err := trainer.Fetch(ctx, 1, state); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all32(other, state), all32(host, adam.State())) {
		t.Error("weights or moments have other bits than those of the host's steps")
	}
	if err := errors.Join(trainer.Close(ctx), backend.(nn.Holder).Close(ctx),
		set.Release(ctx, device)); err != nil {
		t.Error(err)
	}
}

// norm is that of the gradient of a model.
func norm(m model) float64 {
	square := 0.0
	for _, p := range m.Parameters() {
		for _, g := range p.Grad {
			square += float64(g) * float64(g)
		}
	}
	return math.Sqrt(square)
}

// TestStepsThatAreStopped checks that a context which is done ends a course with its cause,
// and that the steps can be made afterwards, once the run is sent anew.
func TestStepsThatAreStopped(t *testing.T) {
	c := rich()
	m, cause, device := newModel(t, c, 1), errors.New("enough"), emulator.New()
	state := stateOf(t, m)
	set, order := hold(t, device, draw(c, 1, 9, 1))
	train := func(steps int) (*cuda.Trainer, cuda.Course) {
		trainer, err := cuda.NewTrainer(context.Background(), device,
			cuda.Shape{N: 9, T: c.Length, Steps: steps}, m)
		if err != nil {
			t.Fatal(err)
		}
		return trainer, cuda.Course{First: 1, Rates: make([]float64, steps), Set: set,
			Order: slices.Repeat(order, steps)}
	}
	trainer, course := train(1 << 12)
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
	if _, err := trainer.Steps(ctx, []cuda.Course{course}); !errors.Is(err, cause) {
		t.Errorf("the error is %v", err)
	}
	ctx = context.Background()
	course.Rates, course.Order = []float64{0.1}, order
	if err := trainer.Send(ctx, 0, state); err != nil {
		t.Fatal(err)
	}
	outcomes, err := trainer.Steps(ctx, []cuda.Course{course})
	if err != nil || len(outcomes[0].Losses) != 1 {
		t.Errorf("afterwards: %v, %v", outcomes, err)
	}
	again, same := train(1)
	same.Rates[0] = 0.1
	wanted, err := again.Steps(ctx, []cuda.Course{same})
	if err != nil || !slices.Equal(wanted[0].Losses, outcomes[0].Losses) {
		t.Errorf("a run that was stopped comes to %v, another to %v, %v", outcomes, wanted, err)
	}
}
