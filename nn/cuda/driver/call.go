package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"icar/nn/cuda/device"
	"icar/nn/cuda/foreign"
)

// call is a call of a function of the library.
type call struct {
	name string
	args []uint64
}

func words(args ...uint64) []uint64 { return args }

// Memory that is shared with the library begins with slots of 8 bytes, for what functions
// write to pointers; the rest is for data on their way.
const (
	slots = 4 << 10
	room  = foreign.MemorySize - slots
)

// slot is where the library sees a slot.
func (c *Card) slot(i int) uint64 { return c.worker.Address(8 * i) }

// read returns what is in a slot.
func (c *Card) read(i int) uint64 { return binary.LittleEndian.Uint64(c.worker.Memory()[8*i:]) }

// text returns the text that begins in a slot, of fewer than n bytes.
func (c *Card) text(i, n int) string {
	text, _, _ := strings.Cut(string(c.worker.Memory()[8*i:][:n]), "\x00")
	return strings.ToValidUTF8(text, "")
}

// code is an error of the library.
type code struct {
	number uint32
	name   string // of the function
	means  string
}

func (e code) Error() string { return fmt.Sprintf("%s: error %d, %s", e.name, e.number, e.means) }

// is says whether the error is that one of the library.
func (c *Card) is(err error, number uint32) bool {
	var e code
	return errors.As(err, &e) && e.number == number
}

// number makes calls and returns what they have written to slot 0.
func (c *Card) number(ctx context.Context, calls ...call) (uint64, error) {
	if c.lost != nil {
		return 0, c.lost
	}
	clear(c.worker.Memory()[:8])
	if err := c.run(ctx, calls...); err != nil {
		return 0, err
	}
	return c.read(0), nil
}

// run makes calls, up to one that fails, whose error it returns.
func (c *Card) run(ctx context.Context, calls ...call) error {
	if c.lost != nil {
		return c.lost
	}
	list := make([]foreign.Call, len(calls))
	for i, one := range calls {
		list[i] = foreign.Call{Function: c.functions[one.name], Args: one.args}
	}
	done, left, err := c.worker.Do(ctx, list)
	if err != nil {
		return c.over(err)
	}
	if left == 0 {
		return nil
	}
	failed := code{number: uint32(done[len(done)-1]), name: calls[len(calls)-left].name}
	if failed.number == outOfMemory && c.aides != nil && c.aides.endAll() {
		return c.run(ctx, calls[len(calls)-left:]...) // in the memory that they had
	}
	if failed.means, err = c.explain(ctx, failed.number); err != nil {
		return err
	}
	if fatal[failed.number] {
		c.lost = fmt.Errorf("%w: the NVIDIA driver has given up: %w", device.ErrLost, failed)
		return c.lost
	}
	return failed
}

// over says that the device is lost, if an error of the worker means that.
func (c *Card) over(err error) error {
	var lost foreign.LostError
	if !errors.As(err, &lost) {
		return err
	}
	c.lost = fmt.Errorf("%w: the NVIDIA driver: %w", device.ErrLost, err)
	return c.lost
}

// explain returns what an error of the library means.
func (c *Card) explain(ctx context.Context, number uint32) (string, error) {
	at := len(functions) // a slot that is not in use
	do := func(name string, args ...uint64) (uint64, error) {
		done, _, err := c.worker.Do(ctx, []foreign.Call{{Function: c.functions[name], Args: args,
			Any: true}})
		if err != nil {
			return 0, c.over(err)
		}
		return done[0], nil
	}
	clear(c.worker.Memory()[8*at:][:256])
	unknown, err := do("cuGetErrorString", uint64(number), c.slot(at))
	if err != nil {
		return "", err
	}
	if text := c.read(at); uint32(unknown) == success && text != 0 {
		if _, err := do("strncpy", c.slot(at), text, 200); err != nil {
			return "", err
		}
		return c.text(at, 200), nil
	}
	return "which it does not explain", nil
}
