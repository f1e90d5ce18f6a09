// Package cardcheck holds a card to the bits on record, measures it, and kills runs on
// it, in minutes: cards are often at hand for no longer.
package cardcheck

import (
	"context"
	"fmt"

	"icar/bench"
	"icar/nn/backendtest"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/devicetest"
)

// Check is what is checked, on an open device.
type Check struct {
	Device device.Device
	Suites []Suite
	Cases  []bench.Case // to time
	Steps  int          // in a measurement, besides those that are not counted
	Rounds int          // measurements, whose median counts
	Seeds  int          // runs side by side of the first case
	// Against times another program on a case; nil for none.
	Against func(ctx context.Context, name string) (bench.Other, error)
	Kills   Kills
}

// Suite is something that a device is held to.
type Suite struct {
	What, Detail string
	Test         func(context.Context, device.Device) error
}

// Suites returns what every card is held to: the bits on record, and what training relies
// on.
func Suites() []Suite {
	bits := fmt.Sprintf("of %d models after steps of training are those on record",
		len(devicetest.Cases()))
	backends := func(_ context.Context, d device.Device) error {
		return backendtest.Test(cuda.On(d))
	}
	recorded := func(ctx context.Context, d device.Device) error {
		return devicetest.Bits(ctx, d, true)
	}
	draws := func(ctx context.Context, d device.Device) error {
		return devicetest.Draws(ctx, d, true)
	}
	return []Suite{{"bits", bits, recorded}, {"backend", "the suite of backends", backends},
		{"draws", "fresh sequences of 1 to 11 coordinates are those of the processor", draws}}
}

// Finding is one line of what was found.
type Finding struct {
	What   string // bits, backend, draws, time, seeds, fresh, kills
	Detail string
	Wrong  error // nil if all is well
}

// Run checks everything and tells each finding as it is there. It goes on after what is
// wrong, and returns how many findings are. The error is the context's cause.
func (c Check) Run(ctx context.Context, tell func(Finding)) (wrong int, err error) {
	say := func(f Finding) {
		if f.Wrong != nil {
			wrong++
		}
		tell(f)
	}
	for _, s := range c.Suites {
		if ctx.Err() == nil {
			say(Finding{s.What, s.Detail, s.Test(ctx, c.Device)})
		}
	}
	for _, one := range c.Cases {
		if ctx.Err() == nil {
			say(c.time(ctx, one))
		}
	}
	if ctx.Err() == nil && len(c.Cases) > 0 && c.Seeds > 1 {
		say(c.seeds(ctx, c.Cases[0]))
	}
	if ctx.Err() == nil && len(c.Cases) > 0 {
		say(c.fresh(ctx, c.Cases[0]))
	}
	if ctx.Err() == nil && c.Kills.Wanted > 0 {
		c.Kills.Run(ctx, say)
	}
	return wrong, context.Cause(ctx)
}
