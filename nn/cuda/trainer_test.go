package cuda_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

type (
	model = *nn.Transformer[float32]
	batch = nn.Batch[float32]
)

// rich is a model that has every part but split heads.
func rich() nn.Config {
	return nn.Config{
		Width: 2, Embed: 4, Depth: 2, Heads: 2, Attention: nn.SoftmaxAttention, Norm: true,
		Residual: true, MLP: 2, Activation: nn.GELU, MLPNorm: true, FinalNorm: true,
		Position: nn.ProductPosition, Length: 5, Coords: 2,
	}
}

func newModel(t *testing.T, c nn.Config, seed uint64) model {
	t.Helper()
	m, err := nn.New[float32](c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// draw returns batches of n sequences.
func draw(c nn.Config, batches, n int, seed uint64) []batch {
	r := ar.Rand(seed, "cuda test", 0)
	list := make([]batch, batches)
	for i := range list {
		x, y := make([]float32, n*c.Length*c.Width), make([]float32, n*c.Length*c.Coords)
		for _, s := range [][]float32{x, y} {
			for j := range s {
				s[j] = float32(r.NormFloat64())
			}
		}
		list[i] = batch{N: n, T: c.Length, X: x, Y: y}
	}
	return list
}

// bits are the bits of tensors.
func bits(tensors ...nn.Tensor[float32]) (b []uint32) {
	for _, t := range tensors {
		for _, v := range t.Data {
			b = append(b, math.Float32bits(v))
		}
	}
	return b
}

func stateOf(t *testing.T, m model) []nn.Tensor[float32] {
	t.Helper()
	o, err := nn.NewOptimiser(nn.AdamName, m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	return o.State()
}

// all are the bits of a model and of the state of its optimiser.
func all(m model, state []nn.Tensor[float32]) []uint32 {
	return bits(append(nn.Tensors(m.Parameters()), state...)...)
}

// TestStepsAreThoseOfTheHost compares steps on the device with those that the host makes
// of the device's gradients, from the middle of a training with weight decay: losses,
// weights and moments have the same bits.
func TestStepsAreThoseOfTheHost(t *testing.T) {
	ctx, c, device := context.Background(), rich(), emulator.New()
	batches, eta := draw(c, 2, 35, 1), []float64{1e-2, 3e-3, 2e-2}
	const decay, made = 0.1, 2

	host := newModel(t, c, 1)
	backend, err := cuda.On(device)(host)
	if err != nil {
		t.Fatal(err)
	}
	adam := nn.NewAdamW(host.Parameters(), decay)
	step := func(k int, b batch, eta float64) float64 {
		loss, err := backend.Gradient(ctx, b)
		if err != nil {
			t.Fatal(err)
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
	var want []float64
	for i, rate := range eta {
		want = append(want, step(made+1+i, batches[i%2], rate))
	}

	beside, err := cuda.On(device)(other)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := beside.(*cuda.Backend).Steps(ctx, cuda.Course{First: made + 1, Rates: eta,
		Decay: decay, Batches: batches, State: state})
	if err != nil || outcome.Err != nil {
		t.Fatal(err, outcome)
	}
	if !slices.Equal(outcome.Losses, want) {
		t.Errorf("losses %v, want %v", outcome.Losses, want)
	}
	if !slices.Equal(all(other, state), all(host, adam.State())) {
		t.Error("weights or moments have other bits than those of the host's steps")
	}
	if err := errors.Join(beside.(*cuda.Backend).Close(ctx),
		backend.(*cuda.Backend).Close(ctx)); err != nil {
		t.Error(err)
	}
}

// TestStepsThatAreStopped checks that a context which is done leaves model and state as they
// were, and that the steps can be made afterwards.
func TestStepsThatAreStopped(t *testing.T) {
	c := rich()
	m, cause := newModel(t, c, 1), errors.New("enough")
	state := stateOf(t, m)
	before := all(m, state)
	trainer, err := cuda.NewTrainer(emulator.New(), m)
	if err != nil {
		t.Fatal(err)
	}
	course := []cuda.Course{{First: 1, Rates: make([]float64, 1<<12), Batches: draw(c, 1, 9, 1),
		State: state}}
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
	if _, err := trainer.Steps(ctx, course); !errors.Is(err, cause) {
		t.Errorf("the error is %v", err)
	}
	if !slices.Equal(all(m, state), before) {
		t.Error("the model or the state has changed")
	}
	course[0].Rates = []float64{0.1}
	outcomes, err := trainer.Steps(context.Background(), course)
	if err != nil || outcomes[0].Err != nil || len(outcomes[0].Losses) != 1 {
		t.Errorf("afterwards: %v, %v", outcomes, err)
	}
}

// TestRunsSideBySide trains runs of other seeds, learning rates and, of some, batches
// together and alone, one of which diverges: each comes to the same bits, and the one
// keeps what it had before the step that failed, and names it.
func TestRunsSideBySide(t *testing.T) {
	ctx, c := context.Background(), rich()
	c.Activation, c.MLPNorm, c.Position = "", false, nn.AdditivePosition
	shared, own := draw(c, 2, 33, 1), draw(c, 2, 33, 2)
	broken := draw(c, 2, 33, 1)
	broken[1].Y[5] = float32(math.Inf(1))
	course := func(i int, m model) cuda.Course {
		data := [][]batch{shared, shared, own, broken}[i]
		return cuda.Course{First: 1, Rates: []float64{0.01 * float64(i+1), 0.01, 0.01},
			Batches: data, State: stateOf(t, m)}
	}
	run := func(which ...int) (results [][]uint32, outcomes []cuda.Outcome) {
		var models []model
		var courses []cuda.Course
		for _, i := range which {
			models = append(models, newModel(t, c, uint64(i)))
			courses = append(courses, course(i, models[len(models)-1]))
		}
		trainer, err := cuda.NewTrainer(emulator.New(), models...)
		if err != nil {
			t.Fatal(err)
		}
		outcomes, err = trainer.Steps(ctx, courses)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range models {
			results = append(results, all(m, courses[i].State))
		}
		return results, outcomes
	}
	together, outcomes := run(0, 1, 2, 3)
	pair, _ := run(0, 1) // which share their batches
	for i := range together {
		alone, outcome := run(i)
		if !slices.Equal(together[i], alone[0]) {
			t.Errorf("run %d comes to other bits beside others", i)
		}
		if !slices.Equal(outcomes[i].Losses, outcome[0].Losses) {
			t.Errorf("run %d: losses %v beside others, %v alone", i, outcomes[i].Losses,
				outcome[0].Losses)
		}
		if i < 2 && !slices.Equal(pair[i], alone[0]) {
			t.Errorf("run %d comes to other bits beside one with the same batches", i)
		}
		if want := [4]int{3, 3, 3, 1}[i]; len(outcomes[i].Losses) != want {
			t.Errorf("run %d made %d steps, want %d", i, len(outcomes[i].Losses), want)
		}
	}
	var bad nn.NonFiniteError
	want := nn.NonFiniteError{Tensor: "y", Index: 5}
	if err := outcomes[3].Err; !errors.As(err, &bad) || bad != want {
		t.Errorf("the run that diverges says %v", err)
	}
	for i := range 3 {
		if outcomes[i].Err != nil {
			t.Errorf("run %d says %v", i, outcomes[i].Err)
		}
	}
}

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

	c := rich()
	m := newModel(t, c, 1)
	good := cuda.Course{First: 1, Rates: []float64{1}, Batches: draw(c, 1, 3, 1),
		State: stateOf(t, m)}
	less := c
	less.Length = 4
	for want, change := range map[string]func(c *cuda.Course){
		"0 steps":      func(c *cuda.Course) { c.Rates = nil },
		"3 steps on 1": func(c *cuda.Course) { c.Rates = make([]float64, 3) },
		"on 2 batches": func(k *cuda.Course) { k.Batches = draw(c, 2, 3, 1) },
		"has no targets": func(k *cuda.Course) {
			k.Batches = []batch{{N: 3, T: 5, X: k.Batches[0].X}}
		},
		"and of 3 of 4":      func(k *cuda.Course) { k.Batches = draw(less, 1, 3, 1) },
		"a state of 1 tenso": func(c *cuda.Course) { c.State = c.State[:1] },
	} {
		trainer, err := cuda.NewTrainer(emulator.New(), m, m)
		if err != nil {
			t.Fatal(err)
		}
		bad := good
		change(&bad)
		if _, err := trainer.Steps(context.Background(), []cuda.Course{good, bad}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("want %q, the error is %v", want, err)
		}
	}
	if _, err := cuda.NewTrainer(emulator.New(), m, newModel(t, less, 1)); err == nil ||
		!strings.Contains(err.Error(), "one shape") {
		t.Errorf("two shapes: %v", err)
	}
}

// mine is the attention of the paper under another name.
type mine struct{ nn.FullHeads }

func (mine) Name() string { return "mine" }
