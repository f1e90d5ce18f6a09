package emulator_test

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/cuda/ptx"
)

// card is an emulator with the text of one kernel.
type card struct {
	*emulator.Device
	kernel device.Kernel
}

// load returns one whose kernel is k.
func load(t *testing.T, k *ptx.Kernel) card {
	t.Helper()
	d := emulator.New()
	m, err := d.Load(context.Background(), ptx.Text(k), k.Name())
	if err != nil {
		t.Fatalf("%v in\n%s", err, ptx.Text(k))
	}
	return card{d, m.Kernels[0]}
}

// memory returns a pointer to words in global memory.
func (c card) memory(t *testing.T, words ...uint32) device.Pointer {
	t.Helper()
	p, err := c.Alloc(context.Background(), 4*len(words))
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	if err := c.Write(context.Background(), p, data); err != nil {
		t.Fatal(err)
	}
	return p
}

// words reads them back.
func (c card) words(t *testing.T, p device.Pointer, n int) []uint32 {
	t.Helper()
	data := make([]byte, 4*n)
	if err := c.Read(context.Background(), data, p); err != nil {
		t.Fatal(err)
	}
	words := make([]uint32, n)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return words
}

// launch runs the kernel on a row of blocks.
func (c card) launch(blocks, threads int, args ...device.Arg) error {
	return c.Launch(context.Background(), []device.Launch{{Kernel: c.kernel,
		Grid: [3]int{blocks, 1, 1}, Block: [3]int{threads, 1, 1}, Args: args}})
}

// exchange writes a number a thread to shared memory and reads that of the next
// thread, with a barrier between or not.
func exchange(barrier bool) *ptx.Kernel {
	k := ptx.New("exchange")
	out := k.Pointer()
	t, shared := k.Thread(ptx.X), k.Shared(4*64)
	mine := k.Add(shared, k.Mul(t, ptx.Int(4)))
	k.StoreShared(mine, 0, k.OfInt(t))
	if barrier {
		k.Barrier()
	}
	next := k.Rem(k.Add(t, ptx.Int(1)), ptx.Int(64))
	k.Store(k.At(out, t, 4), 0, k.LoadShared(k.Add(shared, k.Mul(next, ptx.Int(4))), 0))
	return k
}

// TestThreadsMeetAtBarriers checks that a barrier orders what without it is a race.
func TestThreadsMeetAtBarriers(t *testing.T) {
	c := load(t, exchange(true))
	out := c.memory(t, make([]uint32, 64)...)
	if err := c.launch(1, 64, device.Address(out, 0)); err != nil {
		t.Fatal(err)
	}
	for i, w := range c.words(t, out, 64) {
		if want := float32((i + 1) % 64); math.Float32frombits(w) != want {
			t.Errorf("thread %d read %v, want %v", i, math.Float32frombits(w), want)
		}
	}
}

// TestFaults checks that each thing that a card does not notice ends a launch, with
// the reason, and that the device goes on.
func TestFaults(t *testing.T) {
	kernel := func(body func(k *ptx.Kernel, p ptx.U64, i ptx.U32)) *ptx.Kernel {
		k := ptx.New("fault")
		p := k.Pointer()
		body(k, p, k.Thread(ptx.X))
		return k
	}
	one := ptx.Float(1)
	for name, test := range map[string]struct {
		kernel          *ptx.Kernel
		blocks, threads int
		want            string
	}{
		"no barrier": {exchange(false), 1, 64, "another thread writes"},
		"two threads write": {kernel(func(k *ptx.Kernel, p ptx.U64, i ptx.U32) {
			k.Store(k.At(p, k.Shr(i, 1), 4), 0, one)
		}), 1, 4, "another thread uses"},
		"two warps write, the same number": {kernel(func(k *ptx.Kernel, p ptx.U64, i ptx.U32) {
			k.If(k.Equal(k.And(i, ptx.Int(31)), ptx.Int(0)), func() { k.Store(p, 0, one) })
		}), 1, 64, "another thread uses"},
		"one writes what another has read": {kernel(func(k *ptx.Kernel, p ptx.U64, i ptx.U32) {
			k.Load(p, 0)
			k.If(k.Equal(i, ptx.Int(0)), func() { k.Store(p, 0, one) })
		}), 1, 2, "another thread uses"},
		"two blocks write": {kernel(func(k *ptx.Kernel, p ptx.U64, i ptx.U32) {
			k.Store(k.At(p, i, 4), 0, one)
		}), 2, 4, "another thread uses"},
		"a block reads what another writes, behind a barrier": {
			kernel(func(k *ptx.Kernel, p ptx.U64, _ ptx.U32) {
				k.If(k.Equal(k.Block(ptx.X), ptx.Int(0)), func() { k.Store(p, 0, one) })
				k.Barrier()
				k.Load(p, 0)
			}), 2, 1, "another thread writes"},
		"half a warp at a barrier": {kernel(func(k *ptx.Kernel, _ ptx.U64, i ptx.U32) {
			k.If(k.Less(i, ptx.Int(16)), k.Barrier)
		}), 1, 32, "come to the barrier apart"},
		"a warp that has ended": {kernel(func(k *ptx.Kernel, _ ptx.U64, i ptx.U32) {
			k.ExitUnless(k.Less(i, ptx.Int(32)))
			k.Barrier()
		}), 1, 64, "another warp has ended"},
		"a thread that has ended": {kernel(func(k *ptx.Kernel, _ ptx.U64, i ptx.U32) {
			k.ExitUnless(k.Less(i, ptx.Int(31)))
			k.Barrier()
		}), 1, 32, "others have ended"},
		"warps at two barriers": {kernel(func(k *ptx.Kernel, _ ptx.U64, i ptx.U32) {
			k.If(k.Less(i, ptx.Int(32)), k.Barrier)
			k.If(k.AtLeast(i, ptx.Int(32)), k.Barrier)
		}), 1, 64, "others wait at the barrier"},
		"half a warp at a shuffle": {kernel(func(k *ptx.Kernel, _ ptx.U64, i ptx.U32) {
			k.If(k.Less(i, ptx.Int(16)), func() { k.Butterfly(one, 1) })
		}), 1, 32, "come to the shuffle apart"},
		"a short warp at a shuffle": {kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
			k.Butterfly(one, 1)
		}), 1, 16, "come to the shuffle apart"},
		"out of bounds": {kernel(func(k *ptx.Kernel, p ptx.U64, i ptx.U32) {
			k.Store(k.At(p, i, 4), 0, one)
		}), 1, 9, "thread [8 0 0], line"},
		"before the beginning": {kernel(func(k *ptx.Kernel, p ptx.U64, _ ptx.U32) {
			k.Load(k.Move(p, ptx.Long(-4)), 0)
		}), 1, 1, "are nobody's"},
		"across the end": {kernel(func(k *ptx.Kernel, p ptx.U64, _ ptx.U32) {
			k.StoreWide(p, 28, ptx.Double(1))
		}), 1, 1, "are nobody's"},
		"not aligned": {kernel(func(k *ptx.Kernel, p ptx.U64, _ ptx.U32) {
			k.Load(p, 2)
		}), 1, 1, "is no multiple of 4"},
		"a pair not aligned": {kernel(func(k *ptx.Kernel, p ptx.U64, _ ptx.U32) {
			k.StoreWide(p, 4, ptx.Double(1))
		}), 1, 1, "is no multiple of 8"},
		"four not aligned": {kernel(func(k *ptx.Kernel, p ptx.U64, _ ptx.U32) {
			k.Load4(p, 8)
		}), 1, 1, "is no multiple of 16"},
		"four of shared memory not aligned": {kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
			k.StoreShared4(k.Shared(48), 4, [4]ptx.F32{one, one, one, one})
		}), 1, 1, "is no multiple of 16"},
		"four across the end": {kernel(func(k *ptx.Kernel, p ptx.U64, _ ptx.U32) {
			k.Store4(p, 20, [4]ptx.F32{one, one, one, one})
		}), 1, 1, "are nobody's"},
		"the last of four not written": {kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
			at := k.Shared(16)
			for i := range 3 {
				k.StoreShared(at, 4*i, one)
			}
			k.LoadShared4(at, 0)
		}), 1, 1, "nothing was written"},
		"the last of four written by another thread": {kernel(func(k *ptx.Kernel, _ ptx.U64,
			i ptx.U32) {
			at := k.Shared(16)
			k.If(k.Equal(i, ptx.Int(0)), func() {
				k.StoreShared4(at, 0, [4]ptx.F32{one, one, one, one})
			})
			k.If(k.Equal(i, ptx.Int(1)), func() { k.LoadShared(at, 12) })
		}), 1, 2, "another thread writes"},
		"a lane that there is not": {kernel(func(k *ptx.Kernel, _ ptx.U64, i ptx.U32) {
			k.OfLane(one, k.Add(i, ptx.Int(1)))
		}), 1, 32, "thread [31 0 0], line"},
		"half a warp at a shuffle of lanes": {kernel(func(k *ptx.Kernel, _ ptx.U64, i ptx.U32) {
			k.If(k.Less(i, ptx.Int(16)), func() { k.OfLane(one, i) })
		}), 1, 32, "come to the shuffle apart"},
		"shared memory that the launch does not ask for": {
			kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
				k.StoreShared(k.Ask(16), 0, one)
			}), 1, 1, "are nobody's"},
		"more threads than the bounds": {kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
			k.Bounds(64, 1)
		}), 1, 65, "at most 64 threads"},
		"beyond shared memory": {kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
			k.StoreShared(k.Shared(16), 16, one)
		}), 1, 1, "are nobody's"},
		"shared memory not written": {kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
			k.LoadShared(k.Shared(16), 0)
		}), 1, 1, "nothing was written"},
		"what another block has written to shared memory": {
			kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
				at := k.Shared(16)
				k.If(k.Equal(k.Block(ptx.X), ptx.Int(0)), func() { k.StoreShared(at, 0, one) })
				k.LoadShared(at, 0)
			}), 2, 1, "nothing was written"},
		"too much shared memory": {kernel(func(k *ptx.Kernel, _ ptx.U64, _ ptx.U32) {
			k.Shared(227<<10 + 16)
		}), 1, 1, "use at most 232448"},
		"too many threads": {exchange(true), 1, 2048, "use 1 to 1024 threads"},
		"no blocks":        {exchange(true), 0, 64, "use 1 to"},
	} {
		c := load(t, test.kernel)
		p := c.memory(t, make([]uint32, 8)...)
		err := c.launch(test.blocks, test.threads, device.Address(p, 0))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v, want %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", name, err)
		}
	}
}

// TestNotWritten checks that global memory has to be written before it is read, in
// an earlier launch or by the host.
func TestNotWritten(t *testing.T) {
	k := ptx.New("copy")
	from, to := k.Pointer(), k.Pointer()
	k.Store(to, 0, k.Load(from, 0))
	c := load(t, k)
	a, b := c.memory(t, 7), c.memory(t, 0)
	empty, err := c.Alloc(context.Background(), 4)
	if err != nil {
		t.Fatal(err)
	}
	err = c.launch(1, 1, device.Address(empty, 0), device.Address(b, 0))
	if err == nil || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("the error is %v", err)
	}
	for _, pair := range [][2]device.Pointer{{a, empty}, {empty, b}} {
		from, to := device.Address(pair[0], 0), device.Address(pair[1], 0)
		if err := c.launch(1, 1, from, to); err != nil {
			t.Error(err)
		}
	}
	if got := c.words(t, b, 1)[0]; got != 7 {
		t.Errorf("got %d", got)
	}
}

// TestDivergedThreadsMeet runs loops of another length in every lane, from none on, with a
// branch in each round, and a shuffle of all lanes behind them.
func TestDivergedThreadsMeet(t *testing.T) {
	k := ptx.New("loops")
	out := k.Pointer()
	lane := k.Thread(ptx.X)
	sum := k.Copy(ptx.Float(0))
	k.For(ptx.Int(0), lane, ptx.Int(1), func(i ptx.U32) {
		k.PlusTo(sum, ptx.Float(1000))
		k.If(k.Equal(k.And(i, ptx.Int(1)), ptx.Int(1)), func() { k.PlusTo(sum, k.OfInt(i)) })
	})
	for _, mask := range []int{16, 8, 4, 2, 1} {
		k.PlusTo(sum, k.Butterfly(sum, mask))
	}
	k.Store(k.At(out, lane, 4), 0, sum)
	c := load(t, k)
	p := c.memory(t, make([]uint32, 32)...)
	if err := c.launch(1, 32, device.Address(p, 0)); err != nil {
		t.Fatal(err)
	}
	want := float32(0)
	for lane := range 32 {
		want += float32(1000 * lane)
		for i := 1; i < lane; i += 2 {
			want += float32(i)
		}
	}
	for lane, w := range c.words(t, p, 32) {
		if got := math.Float32frombits(w); got != want {
			t.Errorf("lane %d: %v, want %v", lane, got, want)
		}
	}
}
