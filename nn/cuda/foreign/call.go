package foreign

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Call is a call of a function that takes integers and pointers.
type Call struct {
	Function uint64 // its address in the worker, see [Worker.Symbols]
	Args     []uint64
	// Any says that every result is fine. Without it the lower 32 bits of the result are
	// an error code, and the list ends at a call with another than 0.
	Any bool
}

// Options are how a worker is treated.
type Options struct {
	// Patience is how long a list of calls may take, 2 minutes for 0. After that the
	// library is taken to hang, and the worker is ended.
	Patience time.Duration
	// Grace is how long a list may still take when its context is done, 5 seconds for 0:
	// what is ended in the middle loses all that the library holds.
	Grace time.Duration
}

// A LostError says that the worker is no more, and why. Every later call says it again.
type LostError struct{ Why string }

func (e LostError) Error() string { return e.Why }

// list writes calls to the beginning of the shared memory.
func list(memory []byte, calls []Call) error {
	if len(calls) > MaxCalls {
		return fmt.Errorf("%d calls are no list: use at most %d", len(calls), MaxCalls)
	}
	put := binary.LittleEndian.PutUint64
	for i, c := range calls {
		if c.Function == 0 || len(c.Args) > MaxArgs {
			return fmt.Errorf("call %d, of the function at %#x, has %d arguments: use at most %d",
				i, c.Function, len(c.Args), MaxArgs)
		}
		record := memory[callsAt+8*words*i:][:8*words]
		clear(record)
		put(record, c.Function)
		if c.Any {
			put(record[8*toAny:], 1)
		}
		for j, a := range c.Args {
			put(record[8*(toArgs+j):], a)
		}
	}
	put(memory[leftAt:], uint64(len(calls)))
	return nil
}

// results returns those of the calls that were made, and how many of n were not: with any
// left, the last result is the error code that ended the list.
func results(memory []byte, n int) (done []uint64, left int) {
	get := binary.LittleEndian.Uint64
	// The worker is a process into which foreign code was loaded: what it wrote is data.
	left = int(min(get(memory[leftAt:]), uint64(n)))
	for i := range min(n, n-left+1) {
		done = append(done, get(memory[callsAt+8*words*i+8*toDone:]))
	}
	return done, left
}
