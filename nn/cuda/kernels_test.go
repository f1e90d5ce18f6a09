package cuda_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// compiling counts the kernels that a device compiles.
type compiling struct {
	device.Device
	names []string
}

func (c *compiling) Load(ctx context.Context, text string, names ...string) (device.Module,
	error) {
	c.names = append(c.names, names...)
	return c.Device.Load(ctx, text, names...)
}

// What was compiled for a model is not compiled again, for another of its shape or one that
// has some of its kernels: a deeper one has all of them, one with an MLP has more.
func TestKernelsAreCompiledOnce(t *testing.T) {
	c := small()
	deep, more := c, c
	deep.Depth, more.MLP = 3, 2
	d := &compiling{Device: emulator.New()}
	build := cuda.On(d)
	var counts []int
	for i, c := range []nn.Config{c, c, deep, more, more} {
		gradient(t, build, newModel(t, c, uint64(i)), draw(c, 1, 3, 1)[0])
		counts = append(counts, len(d.names))
	}
	if counts[0] == 0 || counts[2] != counts[0] || counts[3] <= counts[2] ||
		counts[4] != counts[3] {
		t.Errorf("kernels compiled up to each model: %v", counts)
	}
	slices.Sort(d.names)
	if n := len(slices.Compact(slices.Clone(d.names))); n != len(d.names) {
		t.Errorf("of %d kernels %d are different", len(d.names), n)
	}
}

// using notes which kernels are loaded, and which are launched.
type using struct {
	device.Device
	names    map[device.Kernel]string
	launched map[string]bool
}

func (u *using) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	m, err := u.Device.Load(ctx, text, names...)
	for i, k := range m.Kernels {
		u.names[k] = names[i]
	}
	return m, err
}

func (u *using) note(work []device.Launch) {
	for _, l := range work {
		u.launched[u.names[l.Kernel]] = true
	}
}

func (u *using) Launch(ctx context.Context, work []device.Launch) error {
	u.note(work)
	return u.Device.Launch(ctx, work)
}

func (u *using) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	u.note(work)
	return u.Device.Record(ctx, work)
}

// Nothing is compiled that is not launched: for predictions, gradients, losses and steps,
// with a bound for gradients and without, of folded heads and of others.
func TestWhatIsCompiledIsLaunched(t *testing.T) {
	for name, c := range map[string]nn.Config{"folded": folds(), "general": small()} {
		b := draw(c, 1, 11, 1)[0]
		course := func(clip float64) func(m model, d device.Device, _ nn.Backend) error {
			return func(m model, d device.Device, _ nn.Backend) error {
				_, s := descend(t, cuda.On(d), c, 1,
					nn.Descent{Feed: deck{b, 5}, Last: 3, Clip: clip})
				steps(t, s, 1, 3)
				return s.Close(t.Context())
			}
		}
		all := map[string][]string{}
		for what, do := range map[string]func(model, device.Device, nn.Backend) error{
			"predict": func(_ model, _ device.Device, on nn.Backend) error {
				_, err := on.Predict(t.Context(), b)
				return err
			},
			"gradient": func(_ model, _ device.Device, on nn.Backend) error {
				_, err := on.Gradient(t.Context(), b)
				return err
			},
			"loss": func(_ model, _ device.Device, on nn.Backend) error {
				_, err := on.Loss(t.Context(), b)
				return err
			},
			"steps": course(0), "clipped steps": course(0.1),
		} {
			u := &using{emulator.New(), map[device.Kernel]string{}, map[string]bool{}}
			m := newModel(t, c, 1)
			on, err := cuda.On(u)(m)
			if err == nil {
				err = do(m, u, on)
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
			for _, k := range u.names {
				if !u.launched[k] {
					t.Errorf("%s, %s: the kernel %s is loaded for nothing", name, what, k)
				}
			}
			all[what] = slices.Sorted(maps.Values(u.names))
		}
		if folds := regexp.MustCompile("^(fold|sequences)").MatchString(
			strings.Join(all["steps"], " ")); folds != (name == "folded") {
			t.Errorf("%s: steps are of %v", name, all["steps"])
		}
		if fmt.Sprint(all["steps"]) == fmt.Sprint(all["clipped steps"]) {
			t.Errorf("%s: a clipped step has the kernels of another: %v", name, all["steps"])
		}
	}
}

// A run that is alone has its device compile all of its kernels: nothing could be done
// meanwhile.
func TestOneRunNeedsNoOtherCompiler(t *testing.T) {
	d, c := newBeside(), folds()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	m := newModel(t, c, 1)
	b, err := cuda.On(device.Share(d))(m)
	if err != nil {
		t.Fatal(err)
	}
	s, err := nn.Descend(t.Context(), b, m.Parameters(), nn.Descent{Feed: cards, Last: 9,
		Optimiser: nn.NewAdamW(m.Parameters(), 0), Rate: func(int) float64 { return 0.01 }})
	if err != nil {
		t.Fatal(err)
	}
	steps(t, s, 1, 9)
	if _, err := b.Predict(t.Context(), cards.set); err != nil {
		t.Fatal(err)
	}
	finish(t, s)
	if d.count != [2]int{2, 0} { // one for the steps, one for predictions
		t.Errorf("texts were loaded %v times", d.count)
	}
}
