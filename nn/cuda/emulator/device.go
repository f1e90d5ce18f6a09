// Package emulator runs kernels in PTX on the processor, bit for bit as a card
// would, and slowly: so that they can be tested where there is none.
//
// What a card does silently and not always is an error here: threads that race for
// memory, a barrier that not all threads of a block come to, an address that is
// nobody's or is not aligned, a read of what was never written.
//
// It knows the instructions that package ptx writes and refuses others by name.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"icar/nn/cuda/device"
)

// Device implements [device.Device]. The zero value is not ready: use New.
type Device struct {
	properties device.Properties
	memory     memory
	modules    map[uint64][]device.Kernel
	kernels    map[device.Kernel]*entry
	graphs     map[device.Graph][]device.Launch
	handles    uint64 // given so far
	time       uint32 // launches so far, and one for the host
	epoch      uint32
	blocks     uint32
	closed     bool
}

var _ device.Device = (*Device)(nil)

// hostTime is when the host writes: before every launch.
const hostTime = 1

// New returns a device with 4 GiB of memory, none of it in use, whose blocks may
// have as much shared memory as those of an H100.
func New() *Device {
	return &Device{
		properties: device.Properties{
			Name: "emulator", Memory: 4 << 30, SharedPerBlock: 227 << 10, Multiprocessors: 1,
			Capability: [2]int{7, 0},
		},
		modules: map[uint64][]device.Kernel{}, kernels: map[device.Kernel]*entry{},
		graphs: map[device.Graph][]device.Launch{}, time: hostTime,
	}
}

// Properties implements device.Device.
func (d *Device) Properties() device.Properties { return d.properties }

// errClosed is a use of a device after its Close.
var errClosed = errors.New("the device is closed")

// ready returns the error of a call that cannot begin.
func (d *Device) ready(ctx context.Context) error {
	if d.closed {
		return errClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (d *Device) handle() uint64 {
	d.handles++
	return d.handles
}

// Load implements device.Device.
func (d *Device) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	if err := d.ready(ctx); err != nil {
		return device.Module{}, err
	}
	entries, err := parse(text)
	if err != nil {
		return device.Module{}, fmt.Errorf("the kernels do not compile: %w", err)
	}
	for _, name := range names {
		if entries[name] == nil {
			return device.Module{}, fmt.Errorf("there is no kernel %s", name)
		}
	}
	m := device.Module{ID: d.handle()}
	for _, name := range names {
		k := device.Kernel(d.handle())
		d.kernels[k] = entries[name]
		m.Kernels = append(m.Kernels, k)
	}
	d.modules[m.ID] = m.Kernels
	return m, nil
}

// Unload implements device.Device.
func (d *Device) Unload(ctx context.Context, m device.Module) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	if _, ok := d.modules[m.ID]; !ok {
		return fmt.Errorf("there is no module %d", m.ID)
	}
	for _, k := range d.modules[m.ID] {
		delete(d.kernels, k)
	}
	delete(d.modules, m.ID)
	return nil
}

// Alloc implements device.Device.
func (d *Device) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	if err := d.ready(ctx); err != nil {
		return 0, err
	}
	if bytes < 1 {
		return 0, fmt.Errorf("%d bytes of memory are none: ask for 1 or more", bytes)
	}
	if free := d.properties.Memory - d.memory.used; bytes > free {
		return 0, fmt.Errorf("%d bytes of memory are more than the %d that are free", bytes, free)
	}
	return d.memory.alloc(bytes), nil
}

// Free implements device.Device.
func (d *Device) Free(ctx context.Context, p device.Pointer) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	if !d.memory.free(p) {
		return fmt.Errorf("no memory begins at %#x", uint64(p))
	}
	return nil
}

// span returns size bytes at p.
func (d *Device) span(ctx context.Context, p device.Pointer, size int) (*region, int, error) {
	if err := d.ready(ctx); err != nil {
		return nil, 0, err
	}
	r := d.memory.find(uint64(p), size)
	if r == nil {
		return nil, 0, fmt.Errorf("%d bytes at address %#x are nobody's", size, uint64(p))
	}
	return r, int(uint64(p) - r.base), nil
}

// Write implements device.Device.
func (d *Device) Write(ctx context.Context, p device.Pointer, data []byte) error {
	r, at, err := d.span(ctx, p, len(data))
	if err != nil {
		return err
	}
	copy(r.data[at:], data)
	for i := at / 4; i < (at+len(data)+3)/4; i++ {
		r.words[i] = shadow{written: hostTime}
	}
	return nil
}

// Read implements device.Device.
func (d *Device) Read(ctx context.Context, data []byte, p device.Pointer) error {
	r, at, err := d.span(ctx, p, len(data))
	if err != nil {
		return err
	}
	copy(data, r.data[at:])
	return nil
}

// Launch implements device.Device. It returns when the work is done.
func (d *Device) Launch(ctx context.Context, work []device.Launch) error {
	for _, l := range work {
		if err := d.launch(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// launch runs one kernel.
func (d *Device) launch(ctx context.Context, l device.Launch) (err error) {
	if err := d.ready(ctx); err != nil {
		return err
	}
	e := d.kernels[l.Kernel]
	if e == nil {
		return fmt.Errorf("there is no kernel %d", l.Kernel)
	}
	if err := d.check(l, e); err != nil {
		return fmt.Errorf("kernel %s: %w", e.name, err)
	}
	defer func() {
		switch v := recover().(type) {
		case nil:
		case fault:
			err = v.err
		default:
			panic(v)
		}
	}()
	d.time++
	b, place := d.newBlock(l, e), 0
	for z := range l.Grid[2] {
		for y := range l.Grid[1] {
			for x := range l.Grid[0] {
				b.run(ctx, [3]int{x, y, z}, place)
				place++
			}
		}
	}
	return nil
}

// Record implements device.Device.
func (d *Device) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	if err := d.ready(ctx); err != nil {
		return 0, err
	}
	g := device.Graph(d.handle())
	d.graphs[g] = slices.Clone(work)
	return g, nil
}

// Replay implements device.Device.
func (d *Device) Replay(ctx context.Context, g device.Graph, n int) error {
	work, ok := d.graphs[g]
	if !ok {
		return fmt.Errorf("there is no recorded work %d", g)
	}
	for range n {
		if err := d.Launch(ctx, work); err != nil {
			return err
		}
	}
	return nil
}

// Forget implements device.Device.
func (d *Device) Forget(ctx context.Context, g device.Graph) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	if _, ok := d.graphs[g]; !ok {
		return fmt.Errorf("there is no recorded work %d", g)
	}
	delete(d.graphs, g)
	return nil
}

// Close implements device.Device.
func (d *Device) Close() error {
	if d.closed {
		return errClosed
	}
	*d = Device{properties: d.properties, closed: true}
	return nil
}
