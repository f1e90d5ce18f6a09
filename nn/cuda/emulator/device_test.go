package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/cuda/ptx"
)

// counter adds 1 to a number.
func counter() *ptx.Kernel {
	k := ptx.New("counter")
	p := k.Pointer()
	k.Store(p, 0, k.Plus(k.Load(p, 0), ptx.Float(1)))
	return k
}

// refused checks that an error says why.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want %q", err, want)
	}
}

// TestLaunchesAreChecked checks that a launch which a driver refuses is refused here, with
// the reason.
func TestLaunchesAreChecked(t *testing.T) {
	c := load(t, counter())
	p := c.memory(t, 0)
	for want, change := range map[string]func(*device.Launch){
		"there is no kernel 99":                   func(l *device.Launch) { l.Kernel = 99 },
		"it has 1 parameters: the launch gives 0": func(l *device.Launch) { l.Args = nil },
		"parameter 0 has 8 bytes: the launch":     func(l *device.Launch) { l.Args[0].Size = 4 },
		"a grid of 2097152 blocks is too large":   func(l *device.Launch) { l.Grid[0] = 1 << 21 },
		"use 1 to 65535 blocks in direction 1":    func(l *device.Launch) { l.Grid[1] = 1 << 16 },
		"use 1 to 64 threads in direction 2":      func(l *device.Launch) { l.Block[2] = 65 },
		"a block of [32 33 1] is 1056 threads": func(l *device.Launch) {
			l.Block = [3]int{32, 33, 1}
		},
		"-1 bytes of shared memory are too many for": func(l *device.Launch) { l.Shared = -1 },
	} {
		l := device.Launch{Kernel: c.kernel, Grid: [3]int{1, 1, 1}, Block: [3]int{1, 1, 1},
			Args: []device.Arg{device.Address(p, 0)}}
		change(&l)
		refused(t, c.Launch(t.Context(), []device.Launch{l}), want)
	}
	if got := c.words(t, p, 1)[0]; got != 0 {
		t.Errorf("what was refused was run: %#x", got)
	}
}

// TestHandles checks that work is recorded once and replayed as often as is asked, and that
// what was released is no more.
func TestHandles(t *testing.T) {
	ctx, c := t.Context(), load(t, counter())
	m, err := c.Load(ctx, ptx.Text(counter()), "counter")
	if err != nil {
		t.Fatal(err)
	}
	p := c.memory(t, 0)
	work := []device.Launch{{Kernel: m.Kernels[0], Grid: [3]int{1, 1, 1}, Block: [3]int{1, 1, 1},
		Args: []device.Arg{device.Address(p, 0)}}}
	g, err := c.Record(ctx, work)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Replay(ctx, g, 3); err != nil {
		t.Fatal(err)
	}
	if got := c.words(t, p, 1)[0]; got != 0x40400000 { // 3
		t.Errorf("three replays come to %#x", got)
	}
	for want, call := range map[string]func() error{
		fmt.Sprintf("there is no recorded work %d", g): func() error { return c.Forget(ctx, g) },
		fmt.Sprintf("there is no module %d", m.ID):     func() error { return c.Unload(ctx, m) },
		fmt.Sprintf("no memory begins at %#x", p):      func() error { return c.Free(ctx, p) },
	} {
		if err := call(); err != nil {
			t.Error(err)
		}
		refused(t, call(), want)
	}
	refused(t, c.Launch(ctx, work), "there is no kernel")
	refused(t, c.Replay(ctx, g, 1), "there is no recorded work")
	refused(t, c.Write(ctx, p, make([]byte, 4)), "are nobody's")
	if err := c.launch(1, 1, device.Address(c.memory(t, 0), 0)); err != nil {
		t.Errorf("the kernels of another module: %v", err)
	}
}

// TestMemoryIsBounded checks that there are 4 GiB in all, and that what is freed is free.
func TestMemoryIsBounded(t *testing.T) {
	ctx, d := context.Background(), emulator.New()
	more := func() error {
		_, err := d.Alloc(ctx, 4<<30+1)
		return err
	}
	refused(t, more(), "more than the 4294967296 that are free")
	p, err := d.Alloc(ctx, 4096)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, more(), "more than the 4294963200 that are free")
	if err := d.Free(ctx, p); err != nil {
		t.Fatal(err)
	}
	refused(t, more(), "more than the 4294967296 that are free")
	_, err = d.Alloc(ctx, 0)
	refused(t, err, "ask for 1 or more")
}

// TestMemoryComesAndGoes checks that memory begins at multiples of 256 whatever was asked for,
// and that of three pieces that are released in any order the others stay as they are.
func TestMemoryComesAndGoes(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {1, 0, 2}, {2, 1, 0}} {
		c := load(t, counter())
		var at []device.Pointer
		for i := range 3 {
			at = append(at, c.memory(t, slices.Repeat([]uint32{uint32(i)}, 65*i+1)...))
			if at[i]%256 != 0 {
				t.Errorf("piece %d begins at %#x", i, at[i])
			}
		}
		for n, i := range order {
			for _, left := range order[n:] {
				if got := c.words(t, at[left], 65*left+1); got[65*left] != uint32(left) {
					t.Errorf("order %v: piece %d ends with %d", order, left, got[65*left])
				}
			}
			if err := c.Free(t.Context(), at[i]); err != nil {
				t.Errorf("order %v: %v", order, err)
			}
			refused(t, c.Read(t.Context(), make([]byte, 4), at[i]), "are nobody's")
		}
	}
}

// TestForgettingIsCancelled keeps what is recorded where the context is done, as a card does.
func TestForgettingIsCancelled(t *testing.T) {
	c := load(t, counter())
	g, err := c.Record(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	refused(t, c.Forget(done, g), context.Canceled.Error())
	if err := c.Forget(t.Context(), g); err != nil {
		t.Error(err)
	}
}

// stops is a context that is done when it is looked at for the third time.
type stops struct {
	context.Context
	looks  int
	reason error
}

func (s *stops) Err() error {
	if s.looks++; s.looks < 3 {
		return nil
	}
	return s.reason
}

// TestLaunchesAreStopped has a context be done while a launch is under way: it ends with the
// reason, long before the kernel is done.
func TestLaunchesAreStopped(t *testing.T) {
	k := ptx.New("long")
	sum := k.Copy(ptx.Float(0))
	k.For(ptx.Int(0), ptx.Int(1<<20), ptx.Int(1), func(ptx.U32) { k.PlusTo(sum, ptx.Float(1)) })
	c := load(t, k)
	ctx := &stops{Context: context.Background(), reason: errors.New("enough")}
	err := c.Launch(ctx, []device.Launch{{Kernel: c.kernel, Grid: [3]int{1, 1, 1},
		Block: [3]int{32, 1, 1}}})
	// The last look is for the cause.
	if !errors.Is(err, ctx.reason) || ctx.looks != 4 {
		t.Errorf("the error is %v, want %v; looked %d times", err, ctx.reason, ctx.looks)
	}
}
