// Package card chooses what networks run on: a card where there is one that computes as
// it should, or the machine's processor, and says why.
package card

import (
	"context"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
)

// Name is what [Options.Name] calls a card, Auto a card where there is one.
const Name, Auto = "cuda", "auto"

// Arithmetic names the bits of a card: the same on every one, and on the emulator.
const Arithmetic = cuda.Arithmetic

// Options say what is chosen from, and what is wanted.
type Options struct {
	// Name is that of a kernel of this machine, or cuda for a card and nothing else. Auto
	// takes a card where there is one and the machine's default kernel where not; "" is
	// the default kernel.
	Name string
	// In is the arithmetic of a run that is gone on with, "" of none. One of the
	// processor is gone on with there, for Auto too, and for an empty name a card is
	// looked for to go on with one of a card.
	In string
	// Open opens the card of this machine. About a machine that has none, and has
	// nothing of one, the error is [device.ErrAbsent].
	Open func(context.Context) (device.Device, error)
	// Build makes backends on a card. About a model that it does not run a backend's
	// error is [errors.ErrUnsupported].
	Build func(device.Device) nn.NewBackend
	// Notice is told, from any goroutine, in one line, that a card is used, or is there
	// and is not; and of every kind of model that it leaves to the processor.
	Notice func(string)

	answers []known // nil for those of cards
}

// Choice is what was chosen.
type Choice struct {
	nn.Processor
	// Card says what the card is that was found, "" without one.
	Card string
	// Why says why there is no card, nil with one and where none was looked for.
	Why error

	device device.Device
}

// Close releases the card.
func (c Choice) Close() error {
	if c.device == nil {
		return nil
	}
	return c.device.Close()
}
