// Package device says what the kernels of package cuda ask of a machine with
// memory of its own: an NVIDIA card, or the interpreter of kernels, which
// computes the same bits on the processor and watches for races.
//
// A device does what it is told in order: a call sees what the calls before it
// have done. Handles, of memory, of modules, of graphs, belong to the device
// that gave them and are invalid after their release and after Close; to use
// one then is an error, not a crash. A Device is used from one goroutine at a
// time.
package device

import (
	"context"
	"math"
)

// Device runs kernels. A context that is done ends a call with its cause; the
// device may then be unusable, and every later call says so.
type Device interface {
	// Properties says what the device is. They do not change.
	Properties() Properties
	// Load compiles a text of PTX, once, and returns handles of the entries
	// that are named, in that order.
	Load(ctx context.Context, text string, entries ...string) (Module, error)
	// Unload releases a module with its kernels.
	Unload(ctx context.Context, m Module) error
	// Alloc returns memory of that many bytes, at least 1, aligned to 256. What
	// is in it is undefined until it is written.
	Alloc(ctx context.Context, bytes int) (Pointer, error)
	// Free releases memory by the pointer that Alloc gave.
	Free(ctx context.Context, p Pointer) error
	// Write copies data to the memory at p, which may lie inside an allocation.
	Write(ctx context.Context, p Pointer, data []byte) error
	// Read copies the memory at p to data.
	Read(ctx context.Context, data []byte, p Pointer) error
	// Launch runs kernels one after the other, in one submission. It may return
	// before they are done: an error of theirs is then that of a later call,
	// at the latest of Read.
	Launch(ctx context.Context, work []Launch) error
	// Record keeps work, to be run as often as is wanted at little cost.
	Record(ctx context.Context, work []Launch) (Graph, error)
	// Replay runs recorded work n times, one after the other. It waits no more
	// than Launch does.
	Replay(ctx context.Context, g Graph, n int) error
	// Forget releases recorded work.
	Forget(ctx context.Context, g Graph) error
	// Close releases the device with everything that it holds.
	Close() error
}

// Compiler is a device whose kernels can be compiled beside what it does.
type Compiler interface {
	// Compile compiles a text of PTX, so that a Load of the same text takes a moment, and
	// returns when it is compiled. It is called from any goroutine at any time, the device's
	// other calls being on or not. An error, errors.ErrUnsupported where nothing can be
	// compiled in this way, means no more than that Load has to do it all.
	Compile(ctx context.Context, text string) error
}

// Properties is what a plan of kernels has to know of a device.
type Properties struct {
	Name            string
	Memory          int    // bytes
	SharedPerBlock  int    // bytes, the most that a launch may ask for
	Multiprocessors int    // for reports: a plan must not depend on them
	Capability      [2]int // compute capability, major and minor
	Driver          string // its version; "" of what has none
}

// Handles of a device. Zero is none.
type (
	// Pointer is an address in a device's memory.
	Pointer uint64
	// Kernel is an entry of a loaded module.
	Kernel uint64
	// Graph is recorded work.
	Graph uint64
)

// Module is a loaded text.
type Module struct {
	ID      uint64
	Kernels []Kernel // in the order in which Load was told their names
}

// Launch is one run of a kernel over a grid of blocks of threads.
type Launch struct {
	Kernel Kernel
	Grid   [3]int // blocks in x, y, z, at least 1 each
	Block  [3]int // threads of a block, 1 to 1024 in all
	Shared int    // bytes of shared memory asked for at the launch
	Args   []Arg  // in the order of the kernel's parameters
}

// Arg is a parameter of a kernel: its bits and its size.
type Arg struct {
	Bits uint64
	Size int // bytes, 4 or 8
}

// Address passes p plus an offset of bytes, as .u64.
func Address(p Pointer, offset int) Arg { return Arg{uint64(p) + uint64(offset), 8} }

// Number passes a whole number, as .u32.
func Number(v int) Arg { return Arg{uint64(uint32(v)), 4} }

// Real passes a float32, as .f32.
func Real(v float32) Arg { return Arg{uint64(math.Float32bits(v)), 4} }
