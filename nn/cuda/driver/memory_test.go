//go:build linux && amd64

package driver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"icar/nn/cuda/device"
)

// What is written is read again, also what needs several copies and what lies inside an
// allocation; bytes outside of one are refused.
func TestCopies(t *testing.T) {
	c := open(t, "")
	const n = (room + 123) / 4
	p := memory(t, c, n)
	data := make([]byte, 4*n)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	back := make([]byte, len(data))
	if err := errors.Join(c.Write(t.Context(), p, data),
		c.Write(t.Context(), p+8, []byte{1, 2, 3}), c.Read(t.Context(), back, p)); err != nil {
		t.Fatal(err)
	}
	copy(data[8:], []byte{1, 2, 3})
	if !slices.Equal(back, data) {
		t.Error("other bytes come back")
	}
	for i, bad := range []error{c.Read(t.Context(), back, p+1), c.Write(t.Context(), p-1, back[:1]),
		c.Read(t.Context(), back[:1], 0), c.Free(t.Context(), p+8)} {
		if bad == nil {
			t.Errorf("access %d of those outside of memory is taken", i)
		}
	}
	if err := c.Free(t.Context(), p); err != nil {
		t.Error(err)
	}
	// Neither is left to the library, which need not notice.
	want := fmt.Sprintf("there is no memory at %#x to release", uint64(p))
	if err := c.Free(t.Context(), p); err == nil || err.Error() != want {
		t.Errorf("memory that was released is released again: %v, want %s", err, want)
	}
	if err := c.Write(t.Context(), p, back[:1]); err == nil ||
		strings.Contains(err.Error(), "cuMem") {
		t.Errorf("memory that was released is written: %v", err)
	}
}

// A card whose memory is full says how much is free; what fits still does.
func TestFullMemory(t *testing.T) {
	c := open(t, "full")
	memory(t, c, 1<<17)
	const want = "the memory of the card, Fake 9000, is full: 3 MiB were asked for, " +
		"and 0 of 1 are free"
	if _, err := c.Alloc(t.Context(), 3<<20); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := c.Alloc(t.Context(), 0); err == nil {
		t.Error("no bytes are memory")
	}
	memory(t, c, 1000)
}

// Memory is known by its address, in whatever order it comes and goes.
func TestMemoryComesAndGoes(t *testing.T) {
	c := open(t, "")
	var all []device.Pointer
	for i := range 60 {
		all = append(all, memory(t, c, 1+i*7919%4096))
		if i%3 == 2 {
			if err := c.Free(t.Context(), all[i/3]); err != nil {
				t.Fatal(err)
			}
			all[i/3] = memory(t, c, 1+i%5)
		}
	}
	for i, p := range all {
		if err := errors.Join(c.Write(t.Context(), p, make([]byte, 4)),
			c.Free(t.Context(), p)); err != nil {
			t.Errorf("piece %d: %v", i, err)
		}
	}
}
