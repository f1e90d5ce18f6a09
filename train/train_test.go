package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gonum.org/v1/gonum/stat"

	"icar/estimator"
	"icar/nn"
	"icar/nn/kernel"
	"icar/run"
)

func newDir(t *testing.T, c Config) *run.Dir {
	t.Helper()
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	d, err := run.Create(filepath.Join(t.TempDir(), "run"), c.YAML(), run.NewInfo(c.Seed, "go"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// The same seed gives the same bytes at any GOMAXPROCS, and no directory gives
// the same weights.
func TestSameSeedSameBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, fresh := range []bool{false, true} {
		c := small()
		c.Fresh, c.Position, c.Heads, c.Tokens = fresh, nn.ProductPosition, 2, "plain"
		var dirs []*run.Dir
		for _, procs := range []int{1, 4} {
			runtime.GOMAXPROCS(procs)
			dirs = append(dirs, newDir(t, c))
			if _, _, err := Train(t.Context(), c, Options{Dir: dirs[len(dirs)-1]}); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"config.yaml", "run.json", "metrics.jsonl",
			"checkpoint.safetensors", "DONE"} {
			a, err := os.ReadFile(filepath.Join(dirs[0].Path(), name))
			b, err2 := os.ReadFile(filepath.Join(dirs[1].Path(), name))
			if errors.Join(err, err2) != nil || !bytes.Equal(a, b) || len(a) == 0 {
				t.Errorf("fresh %v: %s differs, %v, %v", fresh, name, err, err2)
			}
		}
		m, history, err := Train(t.Context(), c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		saved, err := Load(c, filepath.Join(dirs[0].Path(), "checkpoint.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range m.Parameters() {
			if !slices.Equal(p.Data, saved.Parameters()[i].Data) {
				t.Errorf("fresh %v: %s in the checkpoint is not the trained one", fresh, p.Name)
			}
		}
		if len(history) != 8 || history[3].Evaluation == nil || history[4].Evaluation != nil ||
			history.Last() != history[7].Evaluation {
			t.Errorf("fresh %v: history %+v", fresh, history)
		}
	}
}

// A model learns: with 100 steps it is better than predicting 0 (1/d) and
// worse than the Bayes floor.
func TestTrainingLearns(t *testing.T) {
	c := small()
	c.Epochs, c.EvalEvery = 25, 0
	_, history, err := Train(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mse := history.Last().TestMSE
	positions, err := estimator.BayesFloor(c.Process, c.Length)
	if err != nil {
		t.Fatal(err)
	}
	floor := stat.Mean(positions, nil)
	t.Logf("test MSE %.4f, zero %.4f, floor %.4f", mse, 1.0/3, floor)
	if mse > 0.8/3 || mse < floor {
		t.Errorf("test MSE %v", mse)
	}
}

// Training that stops at step 5 leaves what training of 5 steps would.
func TestInterruptSavesTheLastStep(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	c := small()
	d := newDir(t, c)
	m, history, err := Train(ctx, c, Options{Dir: d, Observe: func(m run.Metric) {
		if m.Step == 5 {
			cancel(cause)
		}
	}})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "stopped after step 5 of 8") ||
		len(history) != 5 {
		t.Fatalf("%v after %d steps", err, len(history))
	}
	saved, err := Load(c, filepath.Join(d.Path(), "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	batches, reference := newBatches(t, c), firstModel(t, c)
	adam, err := nn.NewOptimiser(nn.AdamName, reference.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := nn.NewEngine(reference, kernel.Available()[0])
	if err != nil {
		t.Fatal(err)
	}
	for k := 1; k <= 5; k++ {
		if _, err := engine.Gradient(t.Context(), batch(t, batches, k)); err != nil {
			t.Fatal(err)
		}
		adam.Step(k, c.LearningRate)
	}
	for i, p := range reference.Parameters() {
		if !slices.Equal(p.Data, saved.Parameters()[i].Data) ||
			!slices.Equal(p.Data, m.Parameters()[i].Data) {
			t.Errorf("%s is not that of step 5", p.Name)
		}
	}
	metrics, err := os.ReadFile(filepath.Join(d.Path(), "metrics.jsonl"))
	if err != nil || bytes.Count(metrics, []byte("\n")) != 5 {
		t.Errorf("metrics %s, %v", metrics, err)
	}
	if _, err := os.Stat(filepath.Join(d.Path(), "DONE")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an interrupted run is marked as done: %v", err)
	}
}

// lateContext is done once it was asked so many times.
type lateContext struct {
	context.Context
	left atomic.Int64
}

func (c *lateContext) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Whenever the context ends, the model is that of the last recorded step, and
// that step has the evaluation that belongs to it.
func TestCancelledAtAnyMoment(t *testing.T) {
	c := small()
	c.Test, c.EvalEvery = 32, 2
	snapshot := func(m *nn.Transformer[float32]) (all []float32) {
		for _, p := range m.Parameters() {
			all = append(all, p.Data...)
		}
		return all
	}
	model := firstModel(t, c)
	want := [][]float32{snapshot(model)}
	_, whole, err := Train(t.Context(), c, Options{Model: model,
		Observe: func(run.Metric) { want = append(want, snapshot(model)) }})
	if err != nil {
		t.Fatal(err)
	}
	stops := map[int]bool{}
	for asked := int64(0); ; asked++ {
		ctx := &lateContext{Context: context.Background()}
		ctx.left.Store(asked)
		m, history, err := Train(ctx, c, Options{})
		if err == nil {
			break
		}
		k := len(history)
		stops[k] = true
		if !errors.Is(err, context.Canceled) || !slices.Equal(snapshot(m), want[k]) {
			t.Errorf("asked %d times: %v, and the model is not that of step %d", asked, err, k)
		}
		if k > 0 && (history[k-1].Evaluation == nil) != (whole[k-1].Evaluation == nil) {
			t.Errorf("asked %d times: step %d has the evaluation %v", asked, k,
				history[k-1].Evaluation)
		}
	}
	if len(stops) != 8 { // after 0 to 7 steps
		t.Errorf("stopped after %v steps", stops)
	}
}

func firstModel(t *testing.T, c Config) *nn.Transformer[float32] {
	t.Helper()
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	m, err := nn.New[float32](c.Config, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Cancellation reaches into the drawing of the data; no step has happened.
func TestCancelledBeforeTheFirstStep(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := NewBatches(ctx, small()); !errors.Is(err, context.Canceled) {
		t.Errorf("batches: %v", err)
	}
	if _, err := TestSet(ctx, small()); !errors.Is(err, context.Canceled) {
		t.Errorf("test set: %v", err)
	}
	d := newDir(t, small())
	m, history, err := Train(ctx, small(), Options{Dir: d})
	if _, err := Load(small(), filepath.Join(d.Path(), "checkpoint.safetensors")); err != nil {
		t.Errorf("nothing to go on from: %v", err)
	}
	if !errors.Is(err, context.Canceled) || len(history) != 0 {
		t.Fatalf("%v after %d steps", err, len(history))
	}
	for i, p := range firstModel(t, small()).Parameters() {
		if !slices.Equal(p.Data, m.Parameters()[i].Data) {
			t.Errorf("%s has changed", p.Name)
		}
	}
}

// A step of plain descent has the length η times that of the gradient: with
// clipping, η times the bound.
func TestClippedStepHasItsLength(t *testing.T) {
	c := small()
	c.Optimiser, c.LearningRate, c.Clip = nn.SGDName, 0.5, 1e-3
	c.Epochs, c.Train = 1, 32 // one step
	after, _, err := Train(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	square := 0.0
	before := firstModel(t, c).Parameters()
	for i, p := range after.Parameters() {
		for j, x := range p.Data {
			d := float64(x) - float64(before[i].Data[j])
			square += d * d
		}
	}
	// 468 parameters below 1 are each rounded by 3e-8 at most, 6.5e-7 in all.
	if got := math.Sqrt(square); math.Abs(got-5e-4) > 6.5e-7 {
		t.Errorf("a step has the length %v, want 0.5 · 0.001", got)
	}
}

func TestDivergenceNamesStepAndTensor(t *testing.T) {
	c := small()
	c.Optimiser, c.LearningRate, c.Norm = nn.SGDName, 1e30, false
	d := newDir(t, c)
	_, history, err := Train(t.Context(), c, Options{Dir: d})
	var diverged DivergedError
	var number nn.NonFiniteError
	if !errors.As(err, &diverged) || diverged.Step != len(history)+1 ||
		!errors.As(err, &number) || number.Tensor == "" {
		t.Fatalf("%v after %d steps", err, len(history))
	}
	t.Log(err)
	isOver(t, d, err)
	if !strings.Contains(err.Error(), number.Tensor) ||
		!strings.Contains(err.Error(), "use a learning_rate below 1e+30") {
		t.Errorf("%v", err)
	}
	if _, err := Load(c, filepath.Join(d.Path(), "checkpoint.safetensors")); err != nil {
		t.Errorf("the last checkpoint is not good: %v", err)
	}
}

// Sequences that overflow are not blamed on the learning rate.
func TestNoiseThatOverflows(t *testing.T) {
	c := small()
	c.Sigma = 1e39
	_, _, err := Train(t.Context(), c, Options{})
	if err == nil || !strings.Contains(err.Error(), "at step 1: x[") ||
		!strings.HasSuffix(err.Error(), "use a smaller sigma") {
		t.Errorf("%v", err)
	}
}

// A checkpoint that cannot be written ends the run with the reason.
func TestLostDirectory(t *testing.T) {
	for _, interrupt := range []bool{false, true} {
		ctx, cancel := context.WithCancel(context.Background())
		c := small()
		d := newDir(t, c)
		_, _, err := Train(ctx, c, Options{Dir: d, Observe: func(m run.Metric) {
			if m.Step == 2 {
				if err := os.RemoveAll(d.Path()); err != nil {
					t.Error(err)
				}
				if interrupt {
					cancel()
				}
			}
		}})
		cancel()
		if !errors.Is(err, os.ErrNotExist) || errors.Is(err, context.Canceled) {
			t.Errorf("interrupted %v: %v", interrupt, err)
		}
	}
}

func TestModelOfAnotherShape(t *testing.T) {
	m, err := nn.New[float32](nn.DefaultConfig(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Train(context.Background(), small(), Options{Model: m}); err == nil {
		t.Error("a model of another shape was trained")
	}
}

// foreign is a mixer that the engine cannot know: that of the paper, in a type of its
// own.
type foreign struct{ nn.FullHeads }

func (foreign) Name() string { return "foreign" }

func (foreign) Float32(c nn.Config) (nn.Mixer[float32], error) {
	m, err := nn.FullHeads{}.Float32(c)
	return struct{ nn.Mixer[float32] }{m}, err
}

// A mixer that the engine does not know trains on the reference, says so, learns,
// and gives the same bits each time; the mixers of package nn do not.
func TestUnknownMixerTrainsOnTheReference(t *testing.T) {
	catalogue := Standard()
	if err := catalogue.AddMixer(foreign{}); err != nil {
		t.Fatal(err)
	}
	c := catalogue.Config()
	if err := c.Decode(small().YAML()); err != nil {
		t.Fatal(err)
	}
	c.Tokens, c.Width, c.Embed = "plain", 0, 0
	for name, want := range map[string]string{"": kernel.Available()[0].Arithmetic(),
		"multihead": kernel.Available()[0].Arithmetic(), "foreign": "reference"} {
		c := c
		c.Mixer, c.PreNorm = name, name != ""
		if got, err := c.Arithmetic(nil); err != nil || got != want {
			t.Errorf("mixer %q: arithmetic %s, %v, want %s", name, got, err, want)
		}
	}
	c.Mixer = "foreign"
	var said []error
	o := Options{Notice: func(why error) { said = append(said, why) }}
	m, history, err := Train(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || !errors.Is(said[0], errors.ErrUnsupported) ||
		!strings.HasPrefix(said[0].Error(), "training on the reference") ||
		!strings.Contains(said[0].Error(), "foreign") {
		t.Errorf("said %v", said)
	}
	if first, last := history[0].Loss, history[len(history)-1].Loss; !(last < first) {
		t.Errorf("the loss went from %v to %v", first, last)
	}
	again, _, err := Train(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range m.Parameters() {
		if !slices.Equal(p.Data, again.Parameters()[i].Data) {
			t.Errorf("%s has other bits the second time", p.Name)
		}
	}
}

// A model that the backend cannot run for another reason is not trained.
func TestBackendErrors(t *testing.T) {
	lost := errors.New("the device is lost")
	build := func(*nn.Transformer[float32]) (nn.Backend, error) { return nil, lost }
	if _, _, err := Train(t.Context(), small(), Options{Backend: build}); !errors.Is(err, lost) {
		t.Errorf("%v, want %v", err, lost)
	}
}
