package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/run"
)

// watched is an emulator that counts what it is asked for.
type watched struct {
	device.Device
	steps    atomic.Int32
	sets     atomic.Int32 // that were sent: the tokens of the training set of tiny
	windows  atomic.Int32 // that the device has drawn
	variates sync.Map     // kernels that draw
}

func onWatched() (*watched, nn.NewBackend) {
	w := &watched{Device: emulator.New()}
	return w, cuda.On(device.Share(w))
}

func (w *watched) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	m, err := w.Device.Load(ctx, text, names...)
	for i, k := range m.Kernels {
		if strings.HasPrefix(names[i], "variates") {
			w.variates.Store(k, true)
		}
	}
	return m, err
}

func (w *watched) Launch(ctx context.Context, work []device.Launch) error {
	if _, draws := w.variates.Load(work[0].Kernel); draws {
		w.windows.Add(1)
	}
	return w.Device.Launch(ctx, work)
}

func (w *watched) Replay(ctx context.Context, g device.Graph, n int) error {
	w.steps.Add(int32(n))
	return w.Device.Replay(ctx, g, n)
}

func (w *watched) Write(ctx context.Context, p device.Pointer, data []byte) error {
	if len(data) == 32*4*6*4 {
		w.sets.Add(1)
	}
	return w.Device.Write(ctx, p, data)
}

// stepwise makes backends whose steps the host makes, of the same gradients.
func stepwise(build nn.NewBackend) nn.NewBackend {
	return func(m *nn.Transformer[float32]) (nn.Backend, error) {
		b, err := build(m)
		return struct{ nn.Holder }{b.(nn.Holder)}, err
	}
}

// tiny is a run that an emulator makes in a moment: 16 steps in two epochs, and moments of
// all kinds, of which no two are at one step but the last.
func tiny() Config {
	c := small()
	c.D, c.Length, c.Batch, c.Train, c.Test, c.Epochs = 2, 4, 4, 32, 5, 2
	c.EvalEvery, c.CheckpointEvery, c.KeepEvery = 6, 5, 7
	return c
}

// filesOf are those of a run that depend on no clock.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if all[e.Name()] = string(data); e.Name() == "timings.jsonl" {
			all[e.Name()] = strings.Repeat("\n", strings.Count(string(data), "\n"))
		}
	}
	return all
}

// same holds the files of two runs together.
func same(t *testing.T, name, a, b string) {
	t.Helper()
	first, second := filesOf(t, a), filesOf(t, b)
	for file, content := range first {
		if second[file] != content {
			t.Errorf("%s: %s differs", name, file)
		}
	}
	if len(first) != len(second) || len(first) < 5 {
		t.Errorf("%s: there are %d and %d files", name, len(first), len(second))
	}
}

// Steps that stay on a device leave the files of steps that the host makes of the device's
// gradients, byte by byte: of a set that is drawn once, of fresh sequences, of every
// optimiser, also of a run that diverges. Those of Adam and AdamW are made by the device,
// all steps between two moments at which the host has something to do, and the set
// is sent once.
func TestCoursesLeaveTheFilesOfSteps(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		steps  int32 // that the device makes
		draws  bool  // whether it draws the sequences
	}{
		"adam": {func(*Config) {}, 16, false},
		"adamw, clipped": {func(c *Config) {
			c.Optimiser, c.WeightDecay, c.Clip = nn.AdamWName, 0.1, 0.01
			c.Schedule, c.Warmup = Cosine, 5
		}, 16, false},
		"fresh": {func(c *Config) {
			c.Fresh, c.Position, c.Heads = true, nn.ProductPosition, 2
		}, 16, true},
		"fresh, more than a block": {func(c *Config) {
			c.Fresh, c.Batch, c.Train, c.Tokens, c.Family, c.Rho = true, 18, 18*8, ar.Plain,
				ar.Special, 0.9
		}, 16, true},
		"fresh, noisy":    {func(c *Config) { c.Fresh, c.Sigma = true, 0.1 }, 16, false},
		"fresh, diverges": {func(c *Config) { c.Fresh, c.LearningRate = true, 1e37 }, -1, true},
		"momentum":        {func(c *Config) { c.Optimiser = nn.MomentumName }, 0, false},
		"diverges": {func(c *Config) {
			c.LearningRate, c.Norm, c.Depth = 1e12, false, 2
		}, -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := tiny()
			test.change(&c)
			w, build := onWatched()
			_, plain := onWatched()
			dirs := [2]*run.Dir{newDir(t, c), newDir(t, c)}
			var models [2]*nn.Transformer[float32]
			var failed [2]error
			var seen [2][]run.Metric
			for i, b := range []nn.NewBackend{stepwise(plain), build} {
				models[i], _, failed[i] = Train(t.Context(), c, Options{Dir: dirs[i], Backend: b,
					Observe: func(m run.Metric) { seen[i] = append(seen[i], m) }})
			}
			same(t, name, dirs[0].Path(), dirs[1].Path())
			var over [2]DivergedError
			for i, err := range failed {
				if test.steps >= 0 && err != nil || test.steps < 0 && !errors.As(err, &over[i]) {
					t.Errorf("way %d ends with %v", i, err)
				}
			}
			if over[0] != over[1] || len(seen[0]) != len(seen[1]) {
				t.Errorf("the host says %v after %d steps, the device %v after %d", over[0],
					len(seen[0]), over[1], len(seen[1]))
			}
			equal(t, models[0], models[1])
			if got := w.steps.Load(); got != test.steps && test.steps >= 0 {
				t.Errorf("the device has made %d steps, want %d", got, test.steps)
			}
			if got := w.windows.Load(); (got > 0) != test.draws {
				t.Errorf("the device has drawn %d windows, want some: %v", got, test.draws)
			}
		})
	}
}

// equal checks that two models have the same weights.
func equal(t *testing.T, a, b *nn.Transformer[float32]) {
	t.Helper()
	for i, p := range a.Parameters() {
		for j, v := range p.Data {
			if b.Parameters()[i].Data[j] != v {
				t.Fatalf("%s[%d] is %v and %v", p.Name, j, v, b.Parameters()[i].Data[j])
			}
		}
	}
}

// A device is sent the training set once, for all epochs and all that comes between.
func TestTrainingSetIsSentOnce(t *testing.T) {
	c := tiny()
	c.Epochs = 6
	w, build := onWatched()
	if _, _, err := Train(t.Context(), c, Options{Backend: build}); err != nil {
		t.Fatal(err)
	}
	if steps, sets := w.steps.Load(), w.sets.Load(); steps != 48 || sets != 1 {
		t.Errorf("the device makes %d steps, want 48, and is sent %d sets, want 1", steps, sets)
	}
}

// misread is a device whose kernels draw other bits than they should.
type misread struct{ device.Device }

func (m misread) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	return m.Device.Load(ctx, strings.Replace(text, "xor.b32", "or.b32", 1), names...)
}

// A run on a device that draws other bits than the processor says so, once, and leaves the files
// of sequences that the processor draws.
func TestDeviceThatDrawsOtherBits(t *testing.T) {
	c := tiny()
	c.Fresh = true
	_, build := onWatched()
	whole, dir := newDir(t, c), newDir(t, c)
	var said []string
	o := Options{Dir: whole, Backend: build,
		Notice: func(why error) { said = append(said, why.Error()) }}
	if _, _, err := Train(t.Context(), c, o); err != nil || len(said) > 0 {
		t.Fatalf("%v; said %q", err, said)
	}
	o.Dir, o.Backend = dir, cuda.On(misread{emulator.New()})
	if _, _, err := Train(t.Context(), c, o); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || !strings.Contains(said[0], "other bits") {
		t.Errorf("said %q", said)
	}
	same(t, "drawn by the processor", whole.Path(), dir.Path())
}

// Runs of one shape that are trained at the same time, of other seeds, learning rates,
// lengths and moments, one of which diverges, leave the files that they leave alone, and
// make their steps side by side. One of another shape makes its own.
func TestRunsSideBySide(t *testing.T) {
	configs := make([]Config, 5)
	for i := range configs {
		c := tiny()
		c.Seed, c.LearningRate = uint64(i), 0.01*float64(i+1)
		configs[i] = c
	}
	configs[1].Epochs, configs[1].EvalEvery, configs[1].Clip = 3, 0, 0.1
	configs[2].LearningRate = 1e37
	configs[3].Depth = 2
	configs[4].Fresh = true
	_, build := onWatched()
	alone := make([]*run.Dir, len(configs))
	for i, c := range configs {
		alone[i] = newDir(t, c)
		_, _, err := Train(t.Context(), c, Options{Dir: alone[i], Backend: build})
		if errors.As(err, new(DivergedError)) != (i == 2) {
			t.Errorf("run %d alone: %v", i, err)
		}
	}
	w, build := onWatched()
	together := make([]*run.Dir, len(configs))
	var runs sync.WaitGroup
	for i, c := range configs {
		together[i] = newDir(t, c)
		runs.Go(func() {
			_, _, err := Train(t.Context(), c, Options{Dir: together[i], Backend: build})
			if errors.As(err, new(DivergedError)) != (i == 2) {
				t.Errorf("run %d beside others: %v", i, err)
			}
		})
	}
	runs.Wait()
	for i := range configs {
		same(t, "beside others", alone[i].Path(), together[i].Path())
	}
	// Runs 0, 1 and 4 may have 16 steps in common.
	if got := w.steps.Load(); got >= 16+24+16+16 {
		t.Errorf("side by side they take %d steps of the device", got)
	}
}
