// Package foreign calls functions of C libraries from a program that is linked to
// none: no cgo, no C compiler, a static binary.
//
// A library such as NVIDIA's libcuda can only be loaded by glibc's dynamic linker, into
// a process that belongs to glibc. So the program writes one: an executable of less than
// five KiB, of bytes that are in image.go, whose whole work is to read lists of calls from
// memory that it shares with this program, and to make them. Everything else, which
// functions, with which arguments, in which order, is Go.
//
// That the calls are made by another process is worth more than it costs. A library that
// crashes ends its own process; one that hangs can be ended; this program goes on and
// says so. A request and its answer take some microseconds.
package foreign

// Places in the shared memory, in bytes. A list of calls is at callsAt and ends where data
// begins.
const (
	baseAt  = 0  // where the worker sees the memory
	openAt  = 8  // its dlopen
	symAt   = 16 // its dlsym
	leftAt  = 24 // calls of the list that are left; after a failure it is the first of these
	wakeAt  = 56 // the worker reads a byte to here
	callsAt = 64

	dataAt = 4 << 20  // where [Worker.Memory] begins
	size   = 20 << 20 // of the memory
)

// A call is 16 words of 8 bytes: the function, 1 if its result is no error code, 12
// arguments, the result, and one that is free.
const (
	words  = 16
	toAny  = 1
	toArgs = 2
	toDone = 14
)

// MaxArgs is the number of arguments that a call can have.
const MaxArgs = 12

// MaxCalls is the number of calls in a list.
const MaxCalls = (dataAt - callsAt) / (8 * words)

// MemorySize is the number of bytes of [Worker.Memory].
const MemorySize = size - dataAt
