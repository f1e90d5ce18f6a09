package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"icar/nn/cuda/device"
	"icar/nn/cuda/foreign"
)

// Launch implements device.Device.
func (c *Card) Launch(ctx context.Context, work []device.Launch) error {
	if err := c.allow(ctx, work); err != nil {
		return err
	}
	return c.launch(ctx, work)
}

// allow checks work and lets its kernels have the shared memory that they ask for.
func (c *Card) allow(ctx context.Context, work []device.Launch) error {
	if c.lost != nil {
		return c.lost
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, l := range work {
		k := c.kernels[l.Kernel]
		if err := c.fits(k, l); err != nil {
			return err
		}
		if l.Shared > k.allowed {
			err := c.run(ctx, call{"cuFuncSetAttribute",
				words(uint64(l.Kernel), allowedShared, uint64(l.Shared))})
			if err != nil {
				return err
			}
			k.allowed = l.Shared
		}
	}
	return nil
}

// fits refuses a launch that the library would crash at, or refuse without saying why.
func (c *Card) fits(k *kernel, l device.Launch) error {
	if k == nil {
		return fmt.Errorf("there is no kernel %#x", uint64(l.Kernel))
	}
	sizes := make([]int, len(l.Args))
	for i, a := range l.Args {
		sizes[i] = a.Size
	}
	threads := l.Block[0] * l.Block[1] * l.Block[2]
	switch {
	case !slices.Equal(sizes, k.sizes):
		return fmt.Errorf("the kernel %s has parameters of %v bytes, and is given %v", k.name,
			k.sizes, sizes)
	case slices.Min(l.Grid[:]) < 1 || slices.Min(l.Block[:]) < 1 || threads > 1024:
		return fmt.Errorf("the kernel %s is launched on %v blocks of %v threads: a block has 1 "+
			"to 1024, a grid at least 1", k.name, l.Grid, l.Block)
	case l.Shared < 0 || l.Shared > c.properties.SharedPerBlock:
		return fmt.Errorf("the kernel %s asks for %d bytes of shared memory, and a block of the "+
			"card, %s, has %d", k.name, l.Shared, c.properties.Name, c.properties.SharedPerBlock)
	}
	return nil
}

// launch puts work into the stream, in lists for which there is room.
func (c *Card) launch(ctx context.Context, work []device.Launch) error {
	var calls []call
	at := slots
	for _, l := range work {
		if size := 16 * len(l.Args); len(calls) == foreign.MaxCalls ||
			at+size > foreign.MemorySize {
			if err := c.run(ctx, calls...); err != nil {
				return err
			}
			calls, at = calls[:0], slots
		}
		args := words(uint64(l.Kernel))
		for _, n := range append(l.Grid[:], l.Block[:]...) {
			args = append(args, uint64(n))
		}
		var list uint64
		list, at = c.arguments(l.Args, at)
		calls = append(calls, call{"cuLaunchKernel",
			append(args, uint64(l.Shared), c.stream, list, 0)})
	}
	return c.run(ctx, calls...)
}

// arguments writes the values of parameters to shared memory at an offset, and after them
// pointers to each; it returns where the library sees the pointers, and the next offset.
func (c *Card) arguments(args []device.Arg, at int) (list uint64, next int) {
	memory, pointers := c.worker.Memory(), at+8*len(args)
	for i, a := range args {
		binary.LittleEndian.PutUint64(memory[at+8*i:], a.Bits)
		binary.LittleEndian.PutUint64(memory[pointers+8*i:], c.worker.Address(at+8*i))
	}
	return c.worker.Address(pointers), pointers + 8*len(args)
}

// Record implements device.Device: it keeps the work as a graph of the library.
func (c *Card) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	if err := c.allow(ctx, work); err != nil {
		return 0, err
	}
	const relaxed = 2 // nobody else is in the process
	if err := c.run(ctx, call{"cuStreamBeginCapture_v2", words(c.stream, relaxed)}); err != nil {
		return 0, err
	}
	failed := c.launch(ctx, work)
	// Whatever has failed, the stream has to work again.
	after := context.WithoutCancel(ctx)
	graph, err := c.number(after, call{"cuStreamEndCapture", words(c.stream, c.slot(0))})
	if graph == 0 {
		return 0, errors.Join(failed, err)
	}
	destroy := call{"cuGraphDestroy", words(graph)}
	if failed != nil || err != nil {
		return 0, errors.Join(failed, err, c.run(after, destroy))
	}
	exec, err := c.number(after, call{"cuGraphInstantiateWithFlags", words(c.slot(0), graph, 0)},
		destroy)
	if err != nil {
		return 0, err
	}
	c.graphs[device.Graph(exec)] = true
	return device.Graph(exec), nil
}

// ahead is how many replays are put into the stream before they are waited for: a list
// of calls is done in a time that tells a slow card from one that hangs.
const ahead = 1000

// Replay implements device.Device.
func (c *Card) Replay(ctx context.Context, g device.Graph, n int) error {
	if !c.graphs[g] {
		return fmt.Errorf("there is no recorded work %#x", uint64(g))
	}
	for first := 0; first < n; first += ahead {
		var calls []call
		if first > 0 {
			calls = append(calls, call{"cuStreamSynchronize", words(c.stream)})
		}
		for range min(ahead, n-first) {
			calls = append(calls, call{"cuGraphLaunch", words(uint64(g), c.stream)})
		}
		if err := c.run(ctx, calls...); err != nil {
			return err
		}
	}
	return nil
}

// Forget implements device.Device.
func (c *Card) Forget(ctx context.Context, g device.Graph) error {
	if !c.graphs[g] {
		return fmt.Errorf("there is no recorded work %#x", uint64(g))
	}
	err := c.run(ctx, call{"cuStreamSynchronize", words(c.stream)},
		call{"cuGraphExecDestroy", words(uint64(g))})
	if err == nil {
		delete(c.graphs, g)
	}
	return err
}
