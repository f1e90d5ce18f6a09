package card

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/kernel"
)

// pretender is plain Go that goes to a device and back before every gradient.
type pretender struct {
	nn.Backend
	device device.Device
	at     device.Pointer
	closed *int
}

func (pretender) Arithmetic() string { return Arithmetic }

func (p pretender) Gradient(ctx context.Context, b nn.Batch[float32]) (float64, error) {
	if err := p.device.Read(ctx, make([]byte, 4), p.at); err != nil {
		return 0, err
	}
	return p.Backend.Gradient(ctx, b)
}

func (p pretender) Close(ctx context.Context) error {
	*p.closed++
	return p.device.Free(ctx, p.at)
}

// pretend makes pretenders of all models but those with softmax. closed counts those
// that were released.
func pretend(closed *int) func(device.Device) nn.NewBackend {
	return func(d device.Device) nn.NewBackend {
		return func(m *nn.Transformer[float32]) (nn.Backend, error) {
			if m.Config().Attention == nn.SoftmaxAttention {
				return nil, fmt.Errorf("softmax is none of its kernels: %w", errors.ErrUnsupported)
			}
			ctx := context.Background()
			at, err := d.Alloc(ctx, 4)
			if err == nil {
				err = d.Write(ctx, at, make([]byte, 4))
			}
			if err != nil {
				return nil, err
			}
			loops, err := kernel.Choose("go")
			if err != nil {
				return nil, err
			}
			b, err := nn.OnKernel(loops)(m)
			return pretender{b, d, at, closed}, err
		}
	}
}

// notes are what was told.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (n *notes) notice(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, s)
}

// answers are those of a pretender.
func answers(t *testing.T) []known {
	t.Helper()
	all := all()
	for i, k := range all {
		bits, err := answer(t.Context(), pretend(new(int))(emulator.New()), k.config)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Fatal(err)
		}
		all[i].bits = bits
	}
	return all
}

// options choose among the loops and a pretender, whose open fails with why.
func options(t *testing.T, name string, why error) (o Options, told *notes) {
	told = new(notes)
	return Options{Name: name, Build: pretend(new(int)), Notice: told.notice, answers: answers(t),
		Open: func(context.Context) (device.Device, error) {
			if why != nil {
				return nil, why
			}
			return emulator.New(), nil
		}}, told
}

// fusedLoops ends a test on a machine whose default kernel has no fused multiply-adds,
// where no card is ever taken.
func fusedLoops(t *testing.T) kernel.Kernel {
	t.Helper()
	k := kernel.Available()[0]
	if k.Arithmetic() != fused {
		needs.Missing(t, "the default kernel here is "+k.Name()+", and no card is taken beside it: "+
			"run on a processor with AVX2 or NEON")
	}
	return k
}

// A card is taken unasked, once it has shown that it computes as it should, and that is
// said in one line.
func TestCardIsTaken(t *testing.T) {
	loops := fusedLoops(t)
	for _, name := range []string{Auto, Name} {
		o, told := options(t, name, nil)
		closed := 0
		o.Build = pretend(&closed)
		c, err := Choose(t.Context(), o)
		if err != nil || c.Name != Name || c.Arithmetic != Arithmetic || c.Loops != loops ||
			c.Card != "emulator" || c.Why != nil || closed != 2 {
			t.Fatalf("%q: %+v, %v, %d backends of 2 released", name, c, err, closed)
		}
		want := []string{"networks run on the card, emulator, in the arithmetic cuda-fma"}
		if !slices.Equal(told.said, want) {
			t.Errorf("told %q, want %q", told.said, want)
		}
		if got := fmt.Sprint(c.Arithmetics()); got != "[cuda-fma fma reference]" {
			t.Errorf("arithmetics %s", got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.device.Alloc(t.Context(), 4); err == nil {
			t.Error("the card is open after Close")
		}
	}
}

// Without a card there is the default kernel. Nothing is said of a machine that has
// nothing of one; of one that cannot be used it is said why; and to insist is an error.
func TestWithoutACard(t *testing.T) {
	loops := fusedLoops(t)
	absent := fmt.Errorf("no driver: %w", device.ErrAbsent)
	old := errors.New("the card is too old")
	for _, test := range []struct {
		why  error
		told string
	}{{absent, ""}, {old, "the card is not used, and networks run on " + loops.Name() + ": " +
		"the card is too old"}} {
		o, told := options(t, Auto, test.why)
		c, err := Choose(t.Context(), o)
		if err != nil || c.Name != loops.Name() || c.Arithmetic != fused || c.Card != "" ||
			!errors.Is(c.Why, test.why) || strings.Join(told.said, "; ") != test.told {
			t.Errorf("%v: %+v, %v, told %q", test.why, c, err, told.said)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		o, told = options(t, Name, test.why)
		if _, err := Choose(t.Context(), o); !errors.Is(err, test.why) || len(told.said) > 0 {
			t.Errorf("%v, insisted: %v, told %q", test.why, err, told.said)
		}
	}
}

// A card is not looked for where a kernel is named, or where a run goes on that was
// computed without one.
func TestNoCardIsLookedFor(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"go", "", "go"}, {"go", Arithmetic, "go"}, {Auto, "fma", kernel.Available()[0].Name()},
		{"", "", kernel.Available()[0].Name()}, {"", "fma", kernel.Available()[0].Name()},
		{"", "reference", kernel.Available()[0].Name()},
	} {
		o, told := options(t, test.name, nil)
		o.In = test.in
		o.Open = func(context.Context) (device.Device, error) {
			t.Errorf("%+v: a card is opened", test)
			return nil, errors.New("none")
		}
		c, err := Choose(t.Context(), o)
		if err != nil || c.Name != test.want || c.Why != nil || len(told.said) > 0 {
			t.Errorf("%+v: %s, %v, told %q", test, c.Name, err, told.said)
		}
	}
	o, _ := options(t, "abacus", nil)
	if _, err := Choose(t.Context(), o); !errors.Is(err, ErrName) ||
		!strings.Contains(err.Error(), `no kernel "abacus" on this machine`) {
		t.Errorf("an unknown name: %v", err)
	}
}

// A card that computes other bits is not used, nor one that runs no model.
func TestSelfCheck(t *testing.T) {
	fusedLoops(t)
	for want, change := range map[string]func(*Options){
		"its self-check, mlp: the gradient has other bits": func(o *Options) { o.answers[2].bits ^= 1 },
		"its self-check: it runs no model": func(o *Options) {
			o.answers = o.answers[1:2]
		},
	} {
		o, told := options(t, Auto, nil)
		var opened device.Device
		o.Open = func(context.Context) (device.Device, error) {
			opened = emulator.New()
			return opened, nil
		}
		change(&o)
		c, err := Choose(t.Context(), o)
		if err != nil || c.Name == Name || c.Why == nil || len(told.said) != 1 ||
			!strings.Contains(told.said[0], want) {
			t.Errorf("%s: %s, %v, told %q", want, c.Name, err, told.said)
		}
		if _, err := opened.Alloc(t.Context(), 4); err == nil {
			t.Errorf("%s: the card is still open", want)
		}
		o.Name = Name
		if _, err := Choose(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s, insisted: %v", want, err)
		}
		if _, err := opened.Alloc(t.Context(), 4); err == nil {
			t.Errorf("%s: the card is still open for who insists", want)
		}
	}
}

// small is a card whose blocks have as much shared memory as those of Turing.
type small struct{ device.Device }

func (s small) Properties() device.Properties {
	p := s.Device.Properties()
	p.SharedPerBlock = 64 << 10
	return p
}

// A card whose blocks have too little shared memory is not used, and who insists on it is
// told why, in one line.
func TestCardWithLittleSharedMemory(t *testing.T) {
	loops := fusedLoops(t)
	const want = "a block of the card, emulator, has 64 KiB of shared memory, and the kernels " +
		"need 96"
	o, told := options(t, Auto, nil)
	o.Open = func(context.Context) (device.Device, error) { return small{emulator.New()}, nil }
	c, err := Choose(t.Context(), o)
	said := "the card is not used, and networks run on " + loops.Name() + ": " + want
	if err != nil || c.Loops != loops || c.Name == Name || !slices.Equal(told.said, []string{said}) {
		t.Errorf("%+v, %v, told %q", c, err, told.said)
	}
	o.Name = Name
	if _, err := Choose(t.Context(), o); err == nil || err.Error() != want {
		t.Errorf("insisted: %v", err)
	}
}

// A model that the card does not run is left to the loops, in their arithmetic, and that
// is said once.
func TestModelsForTheLoops(t *testing.T) {
	loops := fusedLoops(t)
	o, told := options(t, Name, nil)
	c, err := Choose(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, k := range all() {
		for range 2 {
			m, err := nn.New[float32](k.config, 1)
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.New(m)
			want := Arithmetic
			if k.name == "softmax" {
				want = fused
			}
			if err != nil || b.Arithmetic() != want {
				t.Errorf("%s: %v, %v", k.name, b, err)
			}
		}
	}
	want := "a model runs on " + loops.Name() + " and not on the card: softmax is none of its " +
		"kernels: unsupported operation"
	if len(told.said) != 2 || told.said[1] != want {
		t.Errorf("told %q, want %q", told.said, want)
	}
}

// No card is looked for beside a processor whose sums have other bits: models that the card
// leaves to it would not be those of other machines.
func TestUnfusedProcessor(t *testing.T) {
	o, _ := options(t, Name, nil)
	o.Open = func(context.Context) (device.Device, error) {
		t.Error("a card is opened")
		return nil, errors.New("none")
	}
	loops, err := kernel.Choose("go")
	if err != nil {
		t.Fatal(err)
	}
	c := Choice{Processor: nn.OnLoops(loops)}
	if err := c.take(t.Context(), o); !errors.Is(err, device.ErrAbsent) ||
		!strings.Contains(err.Error(), "no fused multiply-adds (go)") {
		t.Errorf("beside the loops %s: %v", loops.Name(), err)
	}
}

// A context that is done ends the choice with its cause.
func TestChoiceIsCancelled(t *testing.T) {
	fusedLoops(t)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, name := range []string{Auto, Name} {
		o, told := options(t, name, nil)
		if _, err := Choose(ctx, o); !errors.Is(err, cause) || len(told.said) > 0 {
			t.Errorf("%q: %v, told %q", name, err, told.said)
		}
	}
}

// meeting is a device at which two calls must never meet.
type meeting struct {
	device.Device
	inside sync.Mutex
	t      *testing.T
}

// enter is the begin of a call, and returns its end.
func (m *meeting) enter() (leave func()) {
	if !m.inside.TryLock() {
		m.t.Error("two goroutines use the device at once")
		m.inside.Lock()
	}
	time.Sleep(10 * time.Microsecond) // for others to come
	return m.inside.Unlock
}

func (m *meeting) Write(ctx context.Context, p device.Pointer, data []byte) error {
	defer m.enter()()
	return m.Device.Write(ctx, p, data)
}

func (m *meeting) Read(ctx context.Context, data []byte, p device.Pointer) error {
	defer m.enter()()
	return m.Device.Read(ctx, data, p)
}

func (m *meeting) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	defer m.enter()()
	return m.Device.Alloc(ctx, bytes)
}

func (m *meeting) Free(ctx context.Context, p device.Pointer) error {
	defer m.enter()()
	return m.Device.Free(ctx, p)
}

// Many runs share a card, each with memory of its own.
func TestCardIsShared(t *testing.T) {
	s := device.Share(&meeting{Device: emulator.New(), t: t})
	var g sync.WaitGroup
	for i := range 8 {
		g.Go(func() {
			p, err := s.Alloc(t.Context(), 1<<12)
			data, back := slices.Repeat([]byte{byte(i)}, 1<<12), make([]byte, 1<<12)
			for range 20 {
				err = errors.Join(err, s.Write(t.Context(), p, data), s.Read(t.Context(), back, p))
			}
			if err = errors.Join(err, s.Free(t.Context(), p)); err != nil ||
				!slices.Equal(back, data) {
				t.Errorf("run %d: %v", i, err)
			}
		})
	}
	g.Wait()
}
