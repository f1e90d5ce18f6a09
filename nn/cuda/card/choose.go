package card

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/kernel"
)

// ErrName is the error of a name that is none of a kernel of this machine.
var ErrName = errors.New("use cuda for a card, auto for one where there is one")

// Choose returns what networks run on. The error is ErrName, or with the name cuda why
// there is no card, or the cause of a context that is done.
func Choose(ctx context.Context, o Options) (Choice, error) {
	wanted := o.Name
	if wanted == Name || wanted == Auto {
		wanted = ""
	}
	loops, err := kernel.Choose(wanted)
	if err != nil {
		return Choice{}, fmt.Errorf("%w; %w", err, ErrName)
	}
	c := Choice{Processor: nn.OnLoops(loops)}
	if wanted != "" || !o.asks() {
		return c, nil
	}
	if o.answers == nil {
		o.answers = all()
	}
	err = c.take(ctx, o)
	switch {
	case ctx.Err() != nil:
		return Choice{}, errors.Join(context.Cause(ctx), c.Close())
	case err == nil:
		o.Notice(fmt.Sprintf("networks run on the card, %s, in the arithmetic %s", c.Card,
			Arithmetic))
	case o.Name == Name:
		return Choice{}, errors.Join(err, c.Close())
	case !errors.Is(err, device.ErrAbsent):
		o.Notice(fmt.Sprintf("the card is not used, and networks run on %s: %v", loops.Name(), err))
	}
	if err != nil {
		c.Why, err = err, c.Close()
		c.device = nil
	}
	return c, err
}

// asks is whether there is to be a look for a card.
func (o Options) asks() bool {
	switch o.Name {
	case Name:
		return true
	case Auto:
		return o.In == "" || o.In == Arithmetic
	}
	return o.In == Arithmetic
}

// fused is the arithmetic of the loops for models that a card does not run. With one
// arithmetic for those, trials on cards have the same bits on every machine.
const fused = "fma"

// take takes the card, if it computes as it should.
func (c *Choice) take(ctx context.Context, o Options) error {
	if c.Arithmetic != fused {
		return fmt.Errorf("this machine's processor has no fused multiply-adds (%s): %w",
			c.Name, device.ErrAbsent)
	}
	opened, err := o.Open(ctx)
	if err != nil {
		return err
	}
	c.device = &shared{device: opened}
	build := o.Build(c.device)
	if err := check(ctx, build, o.answers); err != nil {
		return err
	}
	p := opened.Properties()
	c.Card = p.Name
	if p.Driver != "" {
		c.Card += ", " + p.Driver
	}
	c.Processor = nn.Processor{Name: Name, Arithmetic: Arithmetic, Loops: c.Loops,
		New: orLoops(build, c.Loops, o.Notice)}
	return nil
}

// orLoops makes backends on a card or, of models that it does not run, on the loops. Each
// reason is told once.
func orLoops(build nn.NewBackend, loops kernel.Kernel, notice func(string)) nn.NewBackend {
	var told sync.Map
	return func(model *nn.Transformer[float32]) (nn.Backend, error) {
		b, err := build(model)
		if !errors.Is(err, errors.ErrUnsupported) {
			return b, err
		}
		if _, before := told.LoadOrStore(err.Error(), true); !before {
			notice(fmt.Sprintf("a model runs on %s and not on the card: %v", loops.Name(), err))
		}
		return nn.OnKernel(loops)(model)
	}
}

// shared is a device that many goroutines use: every backend has memory of its own, and
// what it asks for is done in the order in which it asks.
type shared struct {
	mu     sync.Mutex
	device device.Device
}

// hold waits until nobody else uses the device, and returns what lets others use it.
func (s *shared) hold() func() {
	s.mu.Lock()
	return s.mu.Unlock
}

func (s *shared) Properties() device.Properties { return s.device.Properties() }

func (s *shared) Load(ctx context.Context, text string, entries ...string) (device.Module, error) {
	defer s.hold()()
	return s.device.Load(ctx, text, entries...)
}

func (s *shared) Unload(ctx context.Context, m device.Module) error {
	defer s.hold()()
	return s.device.Unload(ctx, m)
}

func (s *shared) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	defer s.hold()()
	return s.device.Alloc(ctx, bytes)
}

func (s *shared) Free(ctx context.Context, p device.Pointer) error {
	defer s.hold()()
	return s.device.Free(ctx, p)
}

func (s *shared) Write(ctx context.Context, p device.Pointer, data []byte) error {
	defer s.hold()()
	return s.device.Write(ctx, p, data)
}

func (s *shared) Read(ctx context.Context, data []byte, p device.Pointer) error {
	defer s.hold()()
	return s.device.Read(ctx, data, p)
}

func (s *shared) Launch(ctx context.Context, work []device.Launch) error {
	defer s.hold()()
	return s.device.Launch(ctx, work)
}

func (s *shared) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	defer s.hold()()
	return s.device.Record(ctx, work)
}

func (s *shared) Replay(ctx context.Context, g device.Graph, n int) error {
	defer s.hold()()
	return s.device.Replay(ctx, g, n)
}

func (s *shared) Forget(ctx context.Context, g device.Graph) error {
	defer s.hold()()
	return s.device.Forget(ctx, g)
}

func (s *shared) Close() error {
	defer s.hold()()
	return s.device.Close()
}
