package card

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"icar/nn"
	"icar/nn/cuda"
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
	c.device = device.Share(opened)
	p := opened.Properties()
	if p.SharedPerBlock < cuda.SharedPerBlock {
		return fmt.Errorf("a block of the card, %s, has %d KiB of shared memory, and the kernels "+
			"need %d", p.Name, p.SharedPerBlock>>10, cuda.SharedPerBlock>>10)
	}
	build := o.Build(c.device)
	if err := check(ctx, build, o.answers); err != nil {
		return err
	}
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
