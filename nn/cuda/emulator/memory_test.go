package emulator_test

import (
	"context"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// asking launches a block that asks for shared memory.
func (c card) asking(shared, threads int, args ...device.Arg) error {
	return c.Launch(context.Background(), []device.Launch{{Kernel: c.kernel,
		Grid: [3]int{1, 1, 1}, Block: [3]int{threads, 1, 1}, Shared: shared, Args: args}})
}

// TestFourNumbersAtOnce brings fours from global memory through shared memory and back, to the
// place of the next thread and in the order from behind.
func TestFourNumbersAtOnce(t *testing.T) {
	const threads = 64
	k := ptx.New("fours")
	p := k.Pointer()
	i, shared := k.Thread(ptx.X), k.Shared(16*threads)
	v := k.Load4(k.At(p, i, 16), 0)
	k.StoreShared4(k.Add(shared, k.Mul(i, ptx.Int(16))), 0, v)
	k.Barrier()
	next := k.Rem(k.Add(i, ptx.Int(1)), ptx.Int(threads))
	w := k.LoadShared4(k.Add(shared, k.Mul(next, ptx.Int(16))), 0)
	k.Store4(k.At(p, i, 16), 0, [4]ptx.F32{w[3], w[2], w[1], w[0]})
	c := load(t, k)
	words := make([]uint32, 4*threads)
	for n := range words {
		words[n] = uint32(n)
	}
	at := c.memory(t, words...)
	if err := c.launch(1, threads, device.Address(at, 0)); err != nil {
		t.Fatal(err)
	}
	for n, w := range c.words(t, at, len(words)) {
		if want := uint32((n/4+1)%threads*4 + 3 - n%4); w != want {
			t.Errorf("word %d is %d, not %d", n, w, want)
		}
	}
}

// TestSharedMemoryThatALaunchAsksFor checks that it lies behind what the kernel has anyway,
// that a block may have 96 KiB of it, and how much is too much.
func TestSharedMemoryThatALaunchAsksFor(t *testing.T) {
	const asked = 96<<10 - 16
	k := ptx.New("asks")
	p := k.Pointer()
	own, first, second := k.Shared(16), k.Ask(asked-16), k.Ask(9)
	for n, at := range []ptx.U32{own, first, second} {
		k.StoreShared(at, 0, ptx.Float(float32(n)))
	}
	k.StoreShared(second, -4, ptx.Float(7))
	for n, at := range []ptx.U32{own, first, second} {
		k.Store(p, 4*n, k.LoadShared(at, 0))
	}
	if k.Asked() != asked {
		t.Fatalf("it asks for %d bytes, not %d", k.Asked(), asked)
	}
	c := load(t, k)
	at := c.memory(t, 9, 9, 9)
	if err := c.asking(asked, 1, device.Address(at, 0)); err != nil {
		t.Fatal(err)
	}
	for n, w := range c.words(t, at, 3) {
		if got := math.Float32frombits(w); got != float32(n) {
			t.Errorf("piece %d has %v", n, got)
		}
	}
	for shared, want := range map[int]string{asked - 16: "are nobody's", -1: "too many for a block",
		227<<10 - 15: "232449 bytes of shared memory are too many"} {
		err := c.asking(shared, 1, device.Address(at, 0))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("asked for %d bytes: %v, not %q", shared, err, want)
		}
	}
	if err := c.asking(227<<10-16, 1, device.Address(at, 0)); err != nil {
		t.Errorf("all that there is: %v", err)
	}
}

// TestLanesReadOthers has each lane read that of another: of one, of lanes that are
// exchanged, of its own register.
func TestLanesReadOthers(t *testing.T) {
	k := ptx.New("lanes")
	k.Bounds(32, 1)
	p := k.Pointer()
	i := k.Thread(ptx.X)
	v := k.OfInt(i)
	to := k.At(p, i, 12)
	k.Store(to, 0, k.OfLane(v, ptx.Int(5)))
	k.Store(to, 4, k.OfLane(v, k.Sub(ptx.Int(31), i)))
	k.Store(to, 8, k.OfLane(v, k.And(k.Mul(i, ptx.Int(3)), ptx.Int(31))))
	c := load(t, k)
	at := c.memory(t, make([]uint32, 96)...)
	if err := c.launch(1, 32, device.Address(at, 0)); err != nil {
		t.Fatal(err)
	}
	for n, w := range c.words(t, at, 96) {
		lane := n / 3
		want := []int{5, 31 - lane, 3 * lane % 32}[n%3]
		if got := math.Float32frombits(w); got != float32(want) {
			t.Errorf("lane %d has %v, not %d", lane, got, want)
		}
	}
}

// TestWideArithmetic compares products, fused multiply-adds, quotients and roots in float64
// with those of numbers without end, among them sums that a second rounding would spoil.
func TestWideArithmetic(t *testing.T) {
	const count = 1 << 10
	k := ptx.New("wide")
	in, out := k.Pointer(), k.Pointer()
	i := k.Add(k.Mul(k.Block(ptx.X), ptx.Int(32)), k.Thread(ptx.X))
	from, to := k.At(in, i, 24), k.At(out, i, 32)
	a, b, sum := k.LoadWide(from, 0), k.LoadWide(from, 8), k.CopyWide(k.LoadWide(from, 16))
	k.StoreWide(to, 8, k.TimesWide(a, b))
	k.StoreWide(to, 16, k.OverWide(a, b))
	k.StoreWide(to, 24, k.RootWide(b))
	k.FmaWideTo(sum, a, b)
	k.StoreWide(to, 0, sum)
	r, numbers, words := rand.New(rand.NewPCG(1, 2)), [][3]float64{}, []uint32{}
	for range count {
		// a·b is 2⁻⁵³ (1 - 2⁻¹⁰⁴m²), next to the middle between c and the number behind it.
		m := float64(1+r.IntN(8)) * 0x1p-52
		row := [3]float64{1 + m, (1 - m) * 0x1p-53, 1 + float64(r.IntN(4))*0x1p-52}
		if r.IntN(2) == 0 {
			row = [3]float64{r.NormFloat64(), r.Float64() + 0x1p-9, r.NormFloat64()}
		}
		numbers = append(numbers, row)
		for _, v := range row {
			w := math.Float64bits(v)
			words = append(words, uint32(w), uint32(w>>32))
		}
	}
	c := load(t, k)
	result := c.memory(t, make([]uint32, 8*count)...)
	err := c.launch(count/32, 32, device.Address(c.memory(t, words...), 0),
		device.Address(result, 0))
	if err != nil {
		t.Fatal(err)
	}
	got := c.words(t, result, 8*count)
	for n, row := range numbers {
		for op, want := range exactWide(row[0], row[1], row[2]) {
			at := 8*n + 2*op
			g := math.Float64frombits(uint64(got[at]) | uint64(got[at+1])<<32)
			if g != want {
				t.Fatalf("operation %d of %v is %v, not %v", op, row, g, want)
			}
		}
	}
}

// TestWideNumbersAndTheirBits compares sums, differences, signs, choices, conversions and
// halves of float64, and rotations and logic of whole numbers, with what Go has of them.
func TestWideNumbersAndTheirBits(t *testing.T) {
	k := ptx.New("parts")
	in, out := k.Pointer(), k.Pointer()
	i := k.Thread(ptx.X)
	from := k.At(in, i, 24)
	x, y, a, b := k.LoadWide(from, 0), k.LoadWide(from, 8), k.LoadInt(from, 16), k.LoadInt(from, 20)
	low, high := k.WideBits(x)
	wide := k.CopyWide(y)
	k.CopyWideTo(wide, x)
	// What goes through shared memory comes back.
	mine := k.Add(k.Shared(4*32), k.Mul(i, ptx.Int(4)))
	k.StoreSharedInt(mine, 0, k.Or(a, b))
	wides := []ptx.F64{k.PlusWide(x, y), k.MinusWide(x, y), k.FmaWide(x, y, x), k.NegativeWide(x),
		k.ChooseWide(k.LessWide(x, y), x, y), k.WideOf(a), k.WideOfSigned(a),
		k.OfWideBits(high, low), wide}
	wholes := []ptx.U32{k.LoadSharedInt(mine, 0), k.Xor(a, b), k.Rotate(a, 0), k.Rotate(a, 7),
		k.Rotate(a, 31), low, high}
	row := 8 * (len(wides) + len(wholes))
	for n, v := range wides {
		k.StoreWide(k.At(out, i, row), 8*n, v)
	}
	for n, v := range wholes {
		k.StoreInt(k.At(out, i, row), 8*len(wides)+8*n, v)
		k.StoreInt(k.At(out, i, row), 8*len(wides)+8*n+4, ptx.Int(0))
	}
	random := rand.New(rand.NewPCG(3, 4))
	var words []uint32
	for range 4 * 32 { // two float64 and two whole numbers
		words = append(words, random.Uint32()&^(1<<30), random.Uint32()&^(1<<30))
	}
	c := load(t, k)
	result := c.memory(t, make([]uint32, 32*row/4)...)
	if err := c.launch(1, 32, device.Address(c.memory(t, words...), 0),
		device.Address(result, 0)); err != nil {
		t.Fatal(err)
	}
	got := c.words(t, result, 32*row/4)
	for lane := range 32 {
		w := words[6*lane:]
		join := func(low, high uint32) uint64 { return uint64(high)<<32 | uint64(low) }
		x, y := math.Float64frombits(join(w[0], w[1])), math.Float64frombits(join(w[2], w[3]))
		want := []uint64{}
		for _, v := range []float64{x + y, x - y, math.FMA(x, y, x), -x, min(x, y),
			float64(w[4]), float64(int32(w[4])), math.Float64frombits(join(w[1], w[0])), x} {
			want = append(want, math.Float64bits(v))
		}
		for _, v := range []uint32{w[4] | w[5], w[4] ^ w[5], w[4], bits.RotateLeft32(w[4], 7),
			bits.RotateLeft32(w[4], 31), w[0], w[1]} {
			want = append(want, uint64(v))
		}
		for n, v := range want {
			at := 2 * (lane*len(want) + n)
			if g := join(got[at], got[at+1]); g != v {
				t.Errorf("lane %d: result %d is %#x, want %#x", lane, n, g, v)
			}
		}
	}
}

// exactWide returns a·b + c, a·b, a/b and √b, rounded once.
func exactWide(a, b, c float64) (results [4]float64) {
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(v) }
	product := new(big.Float).SetPrec(400).Mul(exact(a), exact(b))
	quotient := new(big.Float).SetPrec(400).Quo(exact(a), exact(b))
	root := new(big.Float).SetPrec(400).Sqrt(exact(b))
	sum := new(big.Float).SetPrec(400).Add(product, exact(c))
	for i, v := range []*big.Float{sum, product, quotient, root} {
		results[i], _ = v.Float64()
	}
	return results
}
