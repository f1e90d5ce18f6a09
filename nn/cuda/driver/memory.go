package driver

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"icar/nn/cuda/device"
)

// allocation is memory of the card that is in use.
type allocation struct {
	at    uint64
	bytes int
}

// Alloc implements device.Device.
func (c *Card) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	if bytes < 1 {
		return 0, fmt.Errorf("%d bytes are no memory: ask for 1 or more", bytes)
	}
	at, err := c.number(ctx, call{"cuMemAlloc_v2", words(c.slot(0), uint64(bytes))})
	if c.is(err, outOfMemory) {
		return 0, c.full(ctx, bytes)
	}
	if err != nil {
		return 0, err
	}
	i, _ := c.find(at)
	c.memory = slices.Insert(c.memory, i, allocation{at, bytes})
	return device.Pointer(at), nil
}

// free returns how much memory the card has left, of how much, in bytes.
func (c *Card) free(ctx context.Context) (free, total uint64, err error) {
	if err = c.run(ctx, call{"cuMemGetInfo_v2", words(c.slot(0), c.slot(1))}); err != nil {
		return 0, 0, err
	}
	return c.read(0), c.read(1), nil
}

// full says how much memory is missing.
func (c *Card) full(ctx context.Context, bytes int) error {
	free, total, err := c.free(ctx)
	if err != nil {
		return err
	}
	mib := func(n uint64) float64 { return float64(n) / (1 << 20) }
	return fmt.Errorf("the memory of the card, %s, is full: %.0f MiB were asked for, and %.0f of "+
		"%.0f are free; end what else uses it (nvidia-smi lists that), or use a smaller --batch",
		c.properties.Name, mib(uint64(bytes)), mib(free), mib(total))
}

// find returns where the allocation that begins at an address is in the list, or would be.
func (c *Card) find(at uint64) (int, bool) {
	return slices.BinarySearchFunc(c.memory, at, func(a allocation, at uint64) int {
		return cmp.Compare(a.at, at)
	})
}

// Free implements device.Device.
func (c *Card) Free(ctx context.Context, p device.Pointer) error {
	i, known := c.find(uint64(p))
	if !known {
		return fmt.Errorf("there is no memory at %#x to release", uint64(p))
	}
	// The library waits for a kernel that is at work on it.
	if err := c.run(ctx, call{"cuMemFree_v2", words(uint64(p))}); err != nil {
		return err
	}
	c.memory = slices.Delete(c.memory, i, i+1)
	return nil
}

// check refuses bytes that are not inside one allocation.
func (c *Card) check(p device.Pointer, bytes int) error {
	i, exact := c.find(uint64(p))
	if !exact {
		i--
	}
	if i < 0 || uint64(p)-c.memory[i].at+uint64(bytes) > uint64(c.memory[i].bytes) {
		return fmt.Errorf("%d bytes at %#x are not inside the memory of the device", bytes,
			uint64(p))
	}
	return nil
}

// Write implements device.Device.
func (c *Card) Write(ctx context.Context, p device.Pointer, data []byte) error {
	return c.copy(ctx, p, data, func(at uint64, part []byte) error {
		copy(c.worker.Memory()[slots:], part)
		return c.run(ctx, call{"cuMemcpyHtoDAsync_v2",
			words(at, c.worker.Address(slots), uint64(len(part)), c.stream)},
			call{"cuStreamSynchronize", words(c.stream)})
	})
}

// Read implements device.Device.
func (c *Card) Read(ctx context.Context, data []byte, p device.Pointer) error {
	return c.copy(ctx, p, data, func(at uint64, part []byte) error {
		err := c.run(ctx, call{"cuMemcpyDtoHAsync_v2",
			words(c.worker.Address(slots), at, uint64(len(part)), c.stream)},
			call{"cuStreamSynchronize", words(c.stream)})
		if err == nil {
			copy(part, c.worker.Memory()[slots:])
		}
		return err
	})
}

// copy moves data in parts for which there is room on the way.
func (c *Card) copy(ctx context.Context, p device.Pointer, data []byte,
	move func(at uint64, part []byte) error) error {
	if c.lost != nil {
		return c.lost
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := c.check(p, len(data)); err != nil {
		return err
	}
	at := uint64(p)
	for part := range slices.Chunk(data, room) {
		if err := move(at, part); err != nil {
			return err
		}
		at += uint64(len(part))
	}
	return nil
}
