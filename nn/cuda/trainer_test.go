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
	"icar/nn/cuda/device"
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

// all32 are the bits of a model and of the state of its optimiser.
func all32(m model, state []nn.Tensor[float32]) []uint32 {
	return bits(append(nn.Tensors(m.Parameters()), state...)...)
}

// joined is batches as a set, and the sequences of each in it.
func joined(batches []batch) (set batch, order [][]int) {
	set.T = batches[0].T
	for _, b := range batches {
		var of []int
		for i := range b.N {
			of = append(of, set.N+i)
		}
		set.N, set.X, set.Y = set.N+b.N, append(set.X, b.X...), append(set.Y, b.Y...)
		order = append(order, of)
	}
	return set, order
}

// hold brings batches to a device as a set.
func hold(t *testing.T, d device.Device, batches []batch) (*cuda.Set, [][]int) {
	t.Helper()
	all, order := joined(batches)
	set, err := cuda.Hold(context.Background(), d, all)
	if err != nil {
		t.Fatal(err)
	}
	return set, order
}

// foldedCase is one whose heads are folded, and manyHeads one whose heads are pairs.
func foldedCase() nn.Config {
	c := rich()
	c.MLPNorm, c.FinalNorm, c.Depth, c.Heads, c.Activation = false, false, 1, 3, ""
	return c
}

func manyHeads() nn.Config {
	c := foldedCase()
	c.Attention, c.MLP, c.Heads = nn.LinearAttention, 0, 41
	return c
}

// TestStepsAreThoseOfTheHost compares steps on the device with those that the host makes
// of the device's gradients, from the middle of a training with weight decay, with and
// without a bound of the gradient, in two courses of which the first is of an odd number and
// the second takes sequences in an order of its own: losses, weights and moments have the same bits.
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

// of is the batch of sequences of a set.
func of(set batch, sequences []int) batch {
	b := batch{N: len(sequences), T: set.T}
	x, y := len(set.X)/set.N, len(set.Y)/set.N
	for _, s := range sequences {
		b.X = append(b.X, set.X[s*x:(s+1)*x]...)
		b.Y = append(b.Y, set.Y[s*y:(s+1)*y]...)
	}
	return b
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

// TestRunsSideBySide trains runs of other seeds, learning rates, bounds and, of some,
// sequences together and alone, one of which diverges: each comes to the same bits, and the
// one keeps what it had before the step that failed.
func TestRunsSideBySide(t *testing.T) {
	general := rich()
	general.Activation, general.MLPNorm, general.Position = "", false, nn.AdditivePosition
	for kind, c := range map[string]nn.Config{"general": general, "folded": foldedCase()} {
		t.Run(kind, func(t *testing.T) { sideBySide(t, c) })
	}
}

func sideBySide(t *testing.T, c nn.Config) {
	ctx := context.Background()
	broken := draw(c, 2, 33, 1)
	broken[1].Y[5] = float32(math.Inf(1))
	data := [][]batch{draw(c, 2, 33, 1), draw(c, 2, 33, 1), draw(c, 2, 33, 2), broken}
	run := func(which ...int) (results [][]uint32, outcomes []cuda.Outcome) {
		device := emulator.New()
		var models []model
		var courses []cuda.Course
		shared, _ := hold(t, device, data[0])
		for _, i := range which {
			models = append(models, newModel(t, c, uint64(i)))
			set, order := hold(t, device, data[i])
			if i < 2 {
				set = shared
			}
			courses = append(courses, cuda.Course{First: 1 + i,
				Rates: []float64{0.01 * float64(i+1), 0.01, 0.01}, Clip: []float64{0, 1, 0, 2}[i],
				Set: set, Order: append(order, order[0])})
		}
		trainer, err := cuda.NewTrainer(ctx, device, cuda.Shape{N: 33, T: c.Length, Steps: 3},
			models...)
		if err != nil {
			t.Fatal(err)
		}
		outcomes, err = trainer.Steps(ctx, courses)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range models {
			state := stateOf(t, m)
			if err := trainer.Fetch(ctx, i, state); err != nil {
				t.Fatal(err)
			}
			results = append(results, all32(m, state))
		}
		return results, outcomes
	}
	together, outcomes := run(0, 1, 2, 3)
	for i := range together {
		alone, outcome := run(i)
		if !slices.Equal(together[i], alone[0]) {
			t.Errorf("run %d comes to other bits beside others", i)
		}
		if !slices.Equal(outcomes[i].Losses, outcome[0].Losses) {
			t.Errorf("run %d: losses %v beside others, %v alone", i, outcomes[i].Losses,
				outcome[0].Losses)
		}
		if want := [4]int{3, 3, 3, 1}[i]; len(outcomes[i].Losses) != want {
			t.Errorf("run %d made %d steps, want %d", i, len(outcomes[i].Losses), want)
		}
		for _, v := range together[i] {
			if x := math.Float32frombits(v); x-x != 0 {
				t.Fatalf("run %d has a weight or a moment of %v", i, x)
			}
		}
	}
}

// TestIdleRunsStay checks that a run without a course keeps weights and moments while another
// makes steps, and makes its own afterwards as if it had been alone.
func TestIdleRunsStay(t *testing.T) {
	for kind, c := range map[string]nn.Config{"rich": rich(), "folded": foldedCase()} {
		t.Run(kind, func(t *testing.T) { idleStays(t, c) })
	}
}

func idleStays(t *testing.T, c nn.Config) {
	ctx, d := context.Background(), emulator.New()
	set, order := hold(t, d, draw(c, 1, 3, 1))
	course := cuda.Course{First: 1, Rates: []float64{0.01}, Clip: 0.5, Set: set, Order: order}
	run := func(rounds ...[]cuda.Course) []uint32 {
		m := newModel(t, c, 1)
		trainer, err := cuda.NewTrainer(ctx, d, cuda.Shape{N: 3, T: c.Length, Steps: 1}, m,
			newModel(t, c, 2))
		if err != nil {
			t.Fatal(err)
		}
		for _, courses := range rounds {
			if _, err := trainer.Steps(ctx, courses); err != nil {
				t.Fatal(err)
			}
		}
		state := stateOf(t, m)
		if err := errors.Join(trainer.Fetch(ctx, 0, state), trainer.Close(ctx)); err != nil {
			t.Fatal(err)
		}
		return all32(m, state)
	}
	idle := []cuda.Course{{}, course}
	m := newModel(t, c, 1)
	if !slices.Equal(run(idle), all32(m, stateOf(t, m))) {
		t.Error("a run without a course has changed")
	}
	second := course
	second.First = 2
	apart := run([]cuda.Course{course, course}, idle, []cuda.Course{second, course})
	if !slices.Equal(apart, run([]cuda.Course{course, course}, []cuda.Course{second, course})) {
		t.Error("a run that was idle comes to other bits")
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
		if _, err := trainer.Steps(ctx, courses); err == nil || !strings.Contains(err.Error(), want) {
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
