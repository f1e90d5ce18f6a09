package foreign

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// What the worker has written is looked at before it is believed.
func TestResultsAreChecked(t *testing.T) {
	memory := make([]byte, size)
	for _, left := range []uint64{3, 1 << 20, 1<<64 - 1} {
		binary.LittleEndian.PutUint64(memory[leftAt:], left)
		if done, n := results(memory, 2); n != 2 || len(done) != 1 {
			t.Errorf("%d of 2 calls are left: %v, %d", left, done, n)
		}
	}
}

// What a program says is kept to its end, of bounded size.
func TestTail(t *testing.T) {
	said := new(tail)
	for range 1000 {
		fmt.Fprintf(said, "a line of %s\n", strings.Repeat("x", 50))
	}
	fmt.Fprint(said, "the last\n\n")
	if len(said.text) > kept || said.last() != "the last" {
		t.Errorf("%d bytes, %q", len(said.text), said.last())
	}
	fmt.Fprint(said, strings.Repeat("y", 3*kept))
	if len(said.text) > kept || said.last() != strings.Repeat("y", 200) {
		t.Errorf("%d bytes, %q", len(said.text), said.last())
	}
}
