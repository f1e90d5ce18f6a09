package driver

import (
	"context"
	"errors"
	"fmt"

	"icar/nn/cuda/device"
	"icar/nn/cuda/foreign"
)

// places are where the library may be, besides where the linker looks: on Windows'
// Linux, and in containers that were started without a runtime of NVIDIA's.
var places = []string{
	"libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1",
}

// least is the compute capability that the kernels are written for: Volta, of 2017.
var least = [2]int{7, 0}

// Card is an open card. It is used from one goroutine at a time, but for Compile.
type Card struct {
	worker     *foreign.Worker
	functions  map[string]uint64
	properties device.Properties
	device     uint64 // the library's handles
	stream     uint64

	memory  []allocation // by address
	modules map[uint64][]device.Kernel
	kernels map[device.Kernel]*kernel
	graphs  map[device.Graph]bool
	lost    error
	aides   *aides // nil of an aide
}

var _ device.Device = (*Card)(nil)

// Options are how the process that has the library is treated.
type Options = foreign.Options

// absent is why there is no card at all: a device.ErrAbsent in words of its own.
type absent struct{ error }

func (e absent) Unwrap() error        { return e.error }
func (e absent) Is(target error) bool { return target == device.ErrAbsent }

// Open opens the first card that the driver shows, which CUDA_VISIBLE_DEVICES chooses.
// The error is one line that says what is missing: the system, glibc, the driver, or a
// card, which are [device.ErrAbsent]; a function of the driver, or the card's age.
func Open(ctx context.Context, o Options) (*Card, error) {
	c, err := start(ctx, o)
	if err != nil {
		return nil, err
	}
	c.aides = aidesFor(o)
	return c, nil
}

// start opens one that has no aides.
func start(ctx context.Context, o Options) (*Card, error) {
	w, err := foreign.Start(ctx, o)
	if err != nil {
		return nil, absent{err}
	}
	c := &Card{worker: w, functions: map[string]uint64{}, modules: map[uint64][]device.Kernel{},
		kernels: map[device.Kernel]*kernel{}, graphs: map[device.Graph]bool{}}
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return c, nil
}

func (c *Card) open(ctx context.Context) error {
	library, err := c.worker.Open(ctx, places...)
	if err != nil {
		return absent{fmt.Errorf("there is no NVIDIA driver: %w", err)}
	}
	addresses, err := c.worker.Symbols(ctx, library, functions...)
	if err != nil {
		return fmt.Errorf("the NVIDIA driver is too old, install one of CUDA 11.4 or later: %w", err)
	}
	for i, name := range functions {
		c.functions[name] = addresses[i]
	}
	text, err := c.worker.Symbols(ctx, 0, "strncpy")
	if err != nil {
		return err
	}
	c.functions["strncpy"] = text[0]
	count, err := c.number(ctx, call{"cuInit", nil}, call{"cuDeviceGetCount", words(c.slot(0))})
	if c.is(err, noDevice) || err == nil && count == 0 {
		return absent{errors.New("the NVIDIA driver finds no card: see nvidia-smi, and " +
			"CUDA_VISIBLE_DEVICES")}
	}
	if err != nil {
		return fmt.Errorf("the NVIDIA driver does not start: %w", err)
	}
	if c.device, err = c.number(ctx, call{"cuDeviceGet", words(c.slot(0), 0)}); err != nil {
		return err
	}
	if err := c.look(ctx); err != nil {
		return err
	}
	if has := c.properties.Capability; has[0] < least[0] ||
		has[0] == least[0] && has[1] < least[1] {
		return fmt.Errorf("the card, %s, is too old: it has compute capability %d.%d, and the "+
			"kernels need %d.%d", c.properties.Name, has[0], has[1], least[0], least[1])
	}
	own, err := c.number(ctx, call{"cuDevicePrimaryCtxRetain", words(c.slot(0), c.device)})
	if err != nil {
		return fmt.Errorf("the card, %s, cannot be used: %w", c.properties.Name, err)
	}
	const nonBlocking = 1
	c.stream, err = c.number(ctx, call{"cuCtxSetCurrent", words(own)},
		call{"cuStreamCreate", words(c.slot(0), nonBlocking)})
	return err
}

// look reads the properties of the card.
func (c *Card) look(ctx context.Context) error {
	attributes := []uint64{multiprocessorCount, capabilityMajor, capabilityMinor, sharedPerBlock}
	calls := []call{{"cuDriverGetVersion", words(c.slot(8))},
		{"cuDeviceTotalMem_v2", words(c.slot(9), c.device)},
		{"cuDeviceGetName", words(c.slot(10), 200, c.device)}}
	for i, a := range attributes {
		calls = append(calls, call{"cuDeviceGetAttribute", words(c.slot(i), a, c.device)})
	}
	clear(c.worker.Memory()[:slots])
	if err := c.run(ctx, calls...); err != nil {
		return err
	}
	at := func(slot int) int { return int(int64(c.read(slot))) }
	version := at(8)
	c.properties = device.Properties{
		Name:            c.text(10, 200),
		Memory:          at(9),
		SharedPerBlock:  at(3),
		Multiprocessors: at(0),
		Capability:      [2]int{at(1), at(2)},
		Driver:          fmt.Sprintf("CUDA %d.%d", version/1000, version%1000/10),
	}
	return nil
}

// Properties implements device.Device.
func (c *Card) Properties() device.Properties { return c.properties }

// Close implements device.Device: the driver takes back what the processes held.
func (c *Card) Close() error {
	if c.lost == nil {
		c.lost = fmt.Errorf("%w: it was closed", device.ErrLost)
	}
	if c.aides != nil {
		c.aides.endAll()
	}
	return c.worker.Close()
}
