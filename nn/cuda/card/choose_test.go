package card

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/kernel"
)

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
		"its self-check, mlp: the gradient has other bits": func(o *Options) {
			o.answers[2].bits ^= 1
		},
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
	if err != nil || c.Loops != loops || c.Name == Name ||
		!slices.Equal(told.said, []string{said}) {
		t.Errorf("%+v, %v, told %q", c, err, told.said)
	}
	o.Name = Name
	if _, err := Choose(t.Context(), o); err == nil || err.Error() != want {
		t.Errorf("insisted: %v", err)
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

// A card that was opened when the context is done is closed again.
func TestCancelledChoiceClosesTheCard(t *testing.T) {
	fusedLoops(t)
	cause := errors.New("enough")
	for _, name := range []string{Auto, Name} {
		ctx, cancel := context.WithCancelCause(t.Context())
		opened := emulator.New()
		o, told := options(t, name, nil)
		o.Open = func(context.Context) (device.Device, error) {
			cancel(cause)
			return opened, nil
		}
		if _, err := Choose(ctx, o); !errors.Is(err, cause) || len(told.said) > 0 {
			t.Errorf("%q: %v, told %q", name, err, told.said)
		}
		if _, err := opened.Alloc(t.Context(), 4); err == nil {
			t.Errorf("%q: the card is still open", name)
		}
	}
}
