package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"icar/nn/cuda/device"
	"icar/nn/cuda/foreign"
)

// kernel is an entry of a loaded module.
type kernel struct {
	name    string
	sizes   []int // of its parameters, in bytes
	allowed int   // bytes of shared memory at a launch
}

// always is the shared memory that every kernel may ask for.
const always = 48 << 10

// logSize is how much of what the compiler says about a fault is kept.
const logSize = 4 << 10

// Load implements device.Device: the driver compiles the text for the card, and keeps
// what it has compiled in a cache on disk.
func (c *Card) Load(ctx context.Context, text string, entries ...string) (device.Module, error) {
	if c.lost != nil {
		return device.Module{}, c.lost
	}
	kernels := make([]*kernel, len(entries))
	for i, name := range entries {
		sizes, err := parameters(text, name)
		if err != nil {
			return device.Module{}, err
		}
		kernels[i] = &kernel{name, sizes, always}
	}
	const textAt = slots + logSize
	if len(text) >= foreign.MemorySize-textAt || strings.Contains(text, "\x00") {
		return device.Module{}, fmt.Errorf("a text of %d bytes cannot be compiled: it has at most "+
			"%d, and no zero byte", len(text), foreign.MemorySize-textAt-1)
	}
	memory := c.worker.Memory()
	clear(memory[slots:textAt])
	copy(memory[textAt:], text+"\x00")
	// Two options and their values are in slots 1 to 3.
	binary.LittleEndian.PutUint64(memory[8:], errorLog|errorLogSize<<32)
	binary.LittleEndian.PutUint64(memory[16:], c.worker.Address(slots))
	binary.LittleEndian.PutUint64(memory[24:], logSize-1)
	start := time.Now()
	module, err := c.number(ctx, call{"cuModuleLoadDataEx", words(c.slot(0),
		c.worker.Address(textAt), 2, c.slot(1), c.slot(2))})
	if err != nil {
		if log := c.text(slots/8, logSize); log != "" && !errors.Is(err, device.ErrLost) {
			err = fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(log), " "))
		}
		return device.Module{}, fmt.Errorf("the NVIDIA driver cannot compile the kernels: %w", err)
	}
	if c.aides != nil {
		c.aides.loaded(text, time.Since(start))
	}
	m := device.Module{ID: module}
	for _, name := range entries {
		copy(memory[slots:], name+"\x00")
		f, err := c.number(ctx, call{"cuModuleGetFunction",
			words(c.slot(0), module, c.worker.Address(slots))})
		if err != nil {
			return device.Module{}, fmt.Errorf("the kernel %s: %w", name,
				errors.Join(err, c.run(ctx, call{"cuModuleUnload", words(module)})))
		}
		m.Kernels = append(m.Kernels, device.Kernel(f))
	}
	for i, k := range m.Kernels {
		c.kernels[k] = kernels[i]
	}
	c.modules[module] = m.Kernels
	return m, nil
}

// Unload implements device.Device.
func (c *Card) Unload(ctx context.Context, m device.Module) error {
	kernels, known := c.modules[m.ID]
	if !known {
		return fmt.Errorf("there is no module %#x to release", m.ID)
	}
	err := c.run(ctx, call{"cuStreamSynchronize", words(c.stream)},
		call{"cuModuleUnload", words(m.ID)})
	if err != nil {
		return err
	}
	delete(c.modules, m.ID)
	for _, k := range kernels {
		delete(c.kernels, k)
	}
	return nil
}

// parameters returns the sizes of the parameters of an entry: to launch it with others
// would crash the library.
func parameters(text, name string) (sizes []int, err error) {
	head := regexp.MustCompile(`\.entry\s+` + regexp.QuoteMeta(name) + `\s*\(([^)]*)\)`)
	found := head.FindStringSubmatch(text)
	if found == nil {
		return nil, fmt.Errorf("the text has no kernel %s", name)
	}
	for _, p := range regexp.MustCompile(`\.param\s+(?:\.align\s+\d+\s+)?\.[a-z]+(\d+)`).
		FindAllStringSubmatch(found[1], -1) {
		switch p[1] {
		case "64":
			sizes = append(sizes, 8)
		case "32":
			sizes = append(sizes, 4)
		default:
			return nil, fmt.Errorf("the kernel %s has a parameter of %s bits: use 32 or 64", name,
				p[1])
		}
	}
	return sizes, nil
}
