//go:build linux && amd64

package driver

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/foreign"
)

// Launches are done in order, more of them than a list holds, and a copy sees what was
// launched before it.
func TestLaunchesAreInOrder(t *testing.T) {
	c := open(t, "")
	fill, add := kernels(t, c)
	const n = 100
	p := memory(t, c, n)
	work := []device.Launch{on(fill, p, 5, n)}
	for i := range foreign.MaxCalls + 10 {
		work = append(work, on(add, p, i%3, n/2))
	}
	if err := c.Launch(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	x, sum := numbers(t, c, p, n), uint32(5)
	for i := range foreign.MaxCalls + 10 {
		sum += uint32(i % 3)
	}
	if x[0] != sum || x[n/2-1] != sum || x[n/2] != 5 || x[n-1] != 5 {
		t.Errorf("%d … %d, %d … %d, want %d and 5", x[0], x[n/2-1], x[n/2], x[n-1], sum)
	}
}

// More arguments than there is room for on the way go in several lists, each in its place.
func TestManyArguments(t *testing.T) {
	c := open(t, "")
	const more, n = 60, foreign.MaxCalls
	wide := strings.Replace(text, ".param .s32 n)", ".param .s32 n"+
		strings.Repeat(", .param .u64 more", more)+")", 1)
	m, err := c.Load(t.Context(), wide, "add")
	if err != nil {
		t.Fatal(err)
	}
	p := memory(t, c, 1)
	if err := c.Write(t.Context(), p, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	work, sum := make([]device.Launch, n), uint32(0)
	if n*16*(more+3) <= foreign.MemorySize {
		t.Fatal("there is room for all of them")
	}
	for i := range work {
		work[i] = on(m.Kernels[0], p, i%7, 1)
		work[i].Args = append(work[i].Args, slices.Repeat([]device.Arg{{Size: 8}}, more)...)
		sum += uint32(i % 7)
	}
	if err := c.Launch(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 1); x[0] != sum {
		t.Errorf("they come to %d, want %d", x[0], sum)
	}
}

// Recorded work runs as often as is asked, not while it is recorded, and no more once it
// is forgotten.
func TestRecordedWork(t *testing.T) {
	c := open(t, "")
	fill, add := kernels(t, c)
	p := memory(t, c, 3)
	if err := c.Launch(t.Context(), []device.Launch{on(fill, p, 1, 3)}); err != nil {
		t.Fatal(err)
	}
	g, err := c.Record(t.Context(), []device.Launch{on(add, p, 2, 3), on(add, p, 1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 3); fmt.Sprint(x) != "[1 1 1]" {
		t.Errorf("after the recording %v", x)
	}
	if err := c.Replay(t.Context(), g, ahead+1); err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 3); fmt.Sprint(x) != "[3004 2003 2003]" {
		t.Errorf("after %d replays %v", ahead+1, x)
	}
	if err := c.Forget(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if c.Replay(t.Context(), g, 1) == nil || c.Forget(t.Context(), g) == nil {
		t.Error("what was forgotten is replayed")
	}
}

// What the library would crash at, or refuse without a reason, is refused with one; the
// card goes on.
func TestLaunchesAreChecked(t *testing.T) {
	c := open(t, "small")
	fill, add := kernels(t, c)
	p := memory(t, c, 64)
	for want, change := range map[string]func(*device.Launch){
		"there is no kernel 0x63":             func(l *device.Launch) { l.Kernel = 99 },
		"parameters of [8 4 4] bytes, and is": func(l *device.Launch) { l.Args = l.Args[:2] },
		"and is given [8 8 4]":                func(l *device.Launch) { l.Args[1].Size = 8 },
		"blocks of [1025 1 1] threads":        func(l *device.Launch) { l.Block[0] = 1025 },
		"launched on [0 2 1] blocks":          func(l *device.Launch) { l.Grid[0] = 0 },
		"a block of the card, Fake 9000, has": func(l *device.Launch) { l.Shared = 48<<10 + 1 },
	} {
		l := on(add, p, 1, 64)
		change(&l)
		err := c.Launch(t.Context(), []device.Launch{on(fill, p, 7, 64), l})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := c.Record(t.Context(), []device.Launch{l}); err == nil {
			t.Errorf("%s: it is recorded", want)
		}
	}
	if err := c.Launch(t.Context(), []device.Launch{on(fill, p, 4, 64)}); err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 64); x[63] != 4 {
		t.Errorf("after refusals %v", x)
	}
}

// A kernel may have more shared memory than every one has when it asks for it.
func TestSharedMemoryIsAskedFor(t *testing.T) {
	c := open(t, "")
	fill, _ := kernels(t, c)
	p := memory(t, c, 1)
	for _, shared := range []int{200 << 10, 49 << 10} {
		l := on(fill, p, shared, 1)
		l.Shared = shared
		if err := c.Launch(t.Context(), []device.Launch{l}); err != nil {
			t.Fatal(err)
		}
		if x := numbers(t, c, p, 1); x[0] != uint32(shared) {
			t.Errorf("%d bytes of shared memory: %v", shared, x)
		}
	}
}

// A failure while work is recorded leaves a stream that works.
func TestRecordingThatFails(t *testing.T) {
	c := open(t, "")
	fill, _ := kernels(t, c)
	p := memory(t, c, 1)
	l := on(fill, p, 9, 1)
	bad := l
	bad.Grid[0], bad.Block[0], bad.Args = 1, 1, slices.Clone(l.Args)
	bad.Args[2] = device.Number(50) // which the fake refuses
	var failed code
	if _, err := c.Record(t.Context(), []device.Launch{l, bad}); !errors.As(err, &failed) ||
		failed.Error() != "cuLaunchKernel: error 1, which it does not explain" {
		t.Errorf("the error is %v", err)
	}
	if err := c.Launch(t.Context(), []device.Launch{l}); err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 1); x[0] != 9 {
		t.Errorf("afterwards %v", x)
	}
}

// What is given back, or was never whole, leaves room for more: the fake has it for eight.
func TestNothingIsLeft(t *testing.T) {
	c := open(t, "")
	const other = text + "\n.entry other() { ret; }" // which the fake has not
	if _, err := c.Load(t.Context(), other, "fill", "other"); err == nil || len(c.kernels) > 0 {
		t.Errorf("%d kernels of a module that is not loaded, %v", len(c.kernels), err)
	}
	fill, _ := kernels(t, c)
	p := memory(t, c, 1)
	good := on(fill, p, 9, 1)
	bad := good
	bad.Grid[0], bad.Block[0], bad.Args = 1, 1, slices.Clone(good.Args)
	bad.Args[2] = device.Number(50) // which the fake refuses
	for i := range 20 {
		g, err := c.Record(t.Context(), []device.Launch{good})
		if err == nil {
			err = c.Forget(t.Context(), g)
		}
		if err != nil {
			t.Fatalf("recording %d: %v", i, err)
		}
		var failed code
		if _, err := c.Record(t.Context(), []device.Launch{bad}); !errors.As(err, &failed) ||
			failed.number != 1 {
			t.Fatalf("recording %d of what is refused: %v", i, err)
		}
		m, err := c.Load(t.Context(), text, "add")
		if err == nil {
			err = c.Unload(t.Context(), m)
		}
		if err != nil {
			t.Fatalf("module %d: %v", i, err)
		}
		if _, err := c.Load(t.Context(), other, "other"); !errors.As(err, &failed) ||
			failed.number != 500 {
			t.Fatalf("module %d without its kernel: %v", i, err)
		}
	}
}

// Where there is no card in the end, nothing of the way to it is left open.
func TestOpenLeavesNothing(t *testing.T) {
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	for _, fault := range []string{"nodevice", "old"} {
		fake(t, fault)
		before := files()
		if _, err := Open(t.Context(), foreign.Options{}); err == nil {
			t.Error("there is a card")
		}
		if after := files(); after != before {
			t.Errorf("%s: %d files are open, and were %d before", fault, after, before)
		}
	}
}

// What is at work is released when it is done: the fake gives up where it is not waited for.
func TestReleaseWaitsForTheWork(t *testing.T) {
	c := open(t, "")
	m, err := c.Load(t.Context(), text, "add")
	if err != nil {
		t.Fatal(err)
	}
	p := memory(t, c, 1)
	if err := c.Write(t.Context(), p, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	l := []device.Launch{on(m.Kernels[0], p, 1, 1)}
	g, err := c.Record(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Replay(t.Context(), g, 5), c.Forget(t.Context(), g)); err != nil {
		t.Errorf("recorded work: %v", err)
	}
	if err := errors.Join(c.Launch(t.Context(), l), c.Unload(t.Context(), m)); err != nil {
		t.Errorf("a module: %v", err)
	}
	if x := numbers(t, c, p, 1); x[0] != 6 {
		t.Errorf("six launches come to %d", x[0])
	}
}
