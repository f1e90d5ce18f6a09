package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"icar/internal/visible"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/card"
	"icar/nn/cuda/device"
	"icar/nn/cuda/driver"
	"icar/nn/kernel"
)

// kernelVariable names what networks run on.
const kernelVariable = "ICAR_KERNEL"

// kernelHelp is what the commands that train say about it.
const kernelHelp = `The environment's ICAR_KERNEL chooses what networks run on: cuda, which is a
card of NVIDIA, auto, a card where there is one, go, avx2, avx512 or neon. Without
it that is auto; but bench, and reproduce at the quick scale, whose models are done
before a card's driver has compiled anything, take the processor's widest loops.`

// cards is how this binary comes to a card, and to backends on it.
type cards struct {
	open  func(context.Context) (device.Device, error)
	build func(device.Device) nn.NewBackend
}

// nvidia comes to NVIDIA's cards.
func nvidia() cards {
	return cards{func(ctx context.Context) (device.Device, error) {
		c, err := driver.Open(ctx, driver.Options{})
		if err != nil {
			return nil, err
		}
		return c, nil
	}, cuda.On}
}

// onLoops is what ICAR_KERNEL usually is where a card is not taken unless it is asked for.
const onLoops = ""

// processor returns what networks run on; usual is what ICAR_KERNEL is where it is not
// given, card.Auto or onLoops. In is the arithmetic of a run that is gone on with, "" of
// none; notice is told whether that is a card. Of what is returned without an error, Close
// has to be called.
func (h *house) processor(ctx context.Context, usual, in string, notice func(string)) (card.Choice,
	error) {
	name := cmp.Or(os.Getenv(kernelVariable), usual)
	c, err := card.Choose(ctx, card.Options{Name: name, In: in, Open: h.cards.open,
		Build: h.cards.build, Notice: notice})
	switch {
	case ctx.Err() != nil:
		return c, context.Cause(ctx)
	case errors.Is(err, card.ErrName):
		return c, usage(fmt.Errorf("%s: %w", kernelVariable, err))
	case err != nil:
		return c, runFailed(fmt.Errorf("%s=%s: %w; %s=%s takes the processor where no card can "+
			"be used", kernelVariable, card.Name, err, kernelVariable, card.Auto))
	}
	return c, nil
}

// processorOf is processor for a command, which says on stderr what it is told.
func (h *house) processorOf(c *cobra.Command, usual, in string) (card.Choice, error) {
	return h.processor(c.Context(), usual, in, saying(c.ErrOrStderr()))
}

// saying writes what is told as lines.
func saying(w io.Writer) func(string) {
	return func(message string) { fmt.Fprintf(w, "icar: %s\n", visible.Text(message)) }
}

// arithmetic returns that of a sweep that is created here, where it need not be worked on:
// ICAR_KERNEL=cuda asks for no card.
func (h *house) arithmetic(c *cobra.Command) (string, error) {
	if os.Getenv(kernelVariable) == card.Name {
		return card.Arithmetic, nil
	}
	p, err := h.processorOf(c, card.Auto, "")
	if err != nil {
		return "", err
	}
	return p.Arithmetic, p.Close()
}

// cardLine is what is found of a card, in a line of icar version.
func (h *house) cardLine(ctx context.Context) string {
	c, err := card.Choose(ctx, card.Options{Name: card.Auto, Open: h.cards.open,
		Build: h.cards.build, Notice: func(string) {}})
	switch {
	case err != nil:
		return err.Error()
	case c.Why != nil:
		return "none: " + c.Why.Error()
	}
	line := fmt.Sprintf("%s (%s)", c.Card, c.Arithmetic)
	if err := c.Close(); err != nil {
		line += ": " + err.Error()
	}
	return line
}

// loopsOf is the name and the arithmetic of the kernels of this machine.
func loopsOf(k kernel.Kernel) string { return fmt.Sprintf("%s (%s)", k.Name(), k.Arithmetic()) }
