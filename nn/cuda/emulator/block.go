package emulator

import (
	"context"
	"fmt"

	"icar/nn/cuda/device"
)

// block is the block of threads that is at work.
type block struct {
	device  *Device
	entry   *entry
	args    []uint64
	grid    [3]int
	threads [3]int
	at      [3]int // in the grid
	place   uint32 // the same as one number
	shared  *region
	last    *region // of global memory, used last
	warps   []*warp
	time    uint32 // of the launch
	number  uint32 // of the block since the device was made: a time for shared memory
	epoch   uint32
	steps   int // instructions of warps, in this launch
}

// newBlock prepares for the blocks of l.
func (d *Device) newBlock(l device.Launch, e *entry) *block {
	b := &block{device: d, entry: e, grid: l.Grid, threads: l.Block, time: d.time,
		shared: newRegion(sharedBase, e.shared+l.Shared)}
	for _, a := range l.Args {
		b.args = append(b.args, a.Bits)
	}
	for i := range (l.Block[0]*l.Block[1]*l.Block[2] + 31) / 32 {
		b.warps = append(b.warps, &warp{block: b, index: i, narrow: make([][32]uint32, e.narrow),
			wide: make([][32]uint64, e.wide)})
	}
	return b
}

// run runs the block at a place of the grid. Warps take turns at barriers: whatever
// the order in which a card runs them, without races the result is the same.
func (b *block) run(ctx context.Context, at [3]int, place int) {
	b.at, b.place = at, uint32(place)
	b.device.blocks++
	b.number = b.device.blocks
	for _, w := range b.warps {
		w.start()
	}
	for {
		b.device.epoch++
		b.epoch = b.device.epoch
		var waiting *warp
		count := 0
		for _, w := range b.warps {
			if w.live != 0 && w.run(ctx) {
				if waiting != nil && waiting.now != w.now {
					w.fault(0, "others wait at the barrier of line %d", waiting.now.line)
				}
				waiting = w
				count++
			}
		}
		if waiting == nil {
			return
		}
		if count < len(b.warps) {
			waiting.fault(0, "it waits at a barrier, and another warp has ended")
		}
		for _, w := range b.warps {
			if w.ended() {
				w.fault(0, "threads of the warp wait at a barrier, and others have ended")
			}
		}
	}
}

// ended is whether one of the warp's threads has.
func (w *warp) ended() bool { return w.live != w.lanes() }

// lanes are those that the block has.
func (w *warp) lanes() uint32 {
	n := w.block.threads
	if rest := n[0]*n[1]*n[2] - w.index*32; rest < 32 {
		return 1<<rest - 1
	}
	return everyLane
}

// check returns what the driver would have against l.
func (d *Device) check(l device.Launch, e *entry) error {
	for i, n := range l.Grid {
		if most := [3]int{1<<31 - 1, 1<<16 - 1, 1<<16 - 1}[i]; n < 1 || n > most {
			return fmt.Errorf("the grid %v is none: use 1 to %d blocks in direction %d",
				l.Grid, most, i)
		}
	}
	for i, n := range l.Block {
		if most := [3]int{1024, 1024, 64}[i]; n < 1 || n > most {
			return fmt.Errorf("the block %v is none: use 1 to %d threads in direction %d",
				l.Block, most, i)
		}
	}
	if n := l.Block[0] * l.Block[1] * l.Block[2]; n > 1024 {
		return fmt.Errorf("a block of %v is %d threads: use at most 1024", l.Block, n)
	}
	if n := l.Block[0] * l.Block[1] * l.Block[2]; e.most > 0 && n > e.most {
		return fmt.Errorf("a block of %v is %d threads: the kernel is made for at most %d threads",
			l.Block, n, e.most)
	}
	if n := l.Grid[0] * l.Grid[1] * l.Grid[2]; n >= 1<<(32-threadBits) {
		return fmt.Errorf("a grid of %d blocks is too large to look for races in: use fewer", n)
	}
	if n := e.shared + l.Shared; l.Shared < 0 || n > d.properties.SharedPerBlock {
		return fmt.Errorf("%d bytes of shared memory are too many for a block: use at most %d",
			n, d.properties.SharedPerBlock)
	}
	if len(l.Args) != len(e.params) {
		return fmt.Errorf("it has %d parameters: the launch gives %d", len(e.params), len(l.Args))
	}
	for i, a := range l.Args {
		if a.Size != e.params[i].size {
			return fmt.Errorf("parameter %d has %d bytes: the launch gives %d", i,
				e.params[i].size, a.Size)
		}
	}
	return nil
}
