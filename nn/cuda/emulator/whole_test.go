package emulator_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// TestWholeNumbers compares operations on numbers of 32 bits with Go's, which have no sign
// either: also where a sign would make a difference, and a divisor is 0.
func TestWholeNumbers(t *testing.T) {
	k := ptx.New("whole")
	in, out := k.Pointer(), k.Pointer()
	i := k.Add(k.Mul(k.Block(ptx.X), ptx.Int(32)), k.Thread(ptx.X))
	a, b := k.LoadInt(k.At(in, i, 8), 0), k.LoadInt(k.At(in, i, 8), 4)
	truth := func(p ptx.Pred) ptx.U32 { return k.Pick(p, ptx.Int(1), ptx.Int(0)) }
	results := []ptx.U32{k.Add(a, b), k.Sub(a, b), k.Mul(a, b), k.Div(a, b), k.Rem(a, b),
		k.And(a, b), k.And(a, ptx.Int(-8)), k.Min(a, b), k.Shl(a, 0), k.Shl(a, 31), k.Shl(a, 32),
		k.Shr(a, 1), k.Shr(a, 31), k.Shr(a, 33), truth(k.Less(a, b)), truth(k.AtLeast(a, b)),
		truth(k.Equal(a, b)), k.Bits(k.OfInt(a))}
	for r, v := range results {
		k.StoreInt(k.At(out, i, 4*len(results)), 4*r, v)
	}
	random, words := rand.New(rand.NewPCG(1, 2)), []uint32{}
	special := []uint32{0, 1, 2, 31, 1<<24 + 1, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1}
	for _, a := range special {
		for _, b := range special {
			words = append(words, a, b)
		}
	}
	for len(words)%64 != 0 || len(words) < 512 {
		words = append(words, random.Uint32()>>random.IntN(32))
	}
	c, count := load(t, k), len(words)/2
	to := c.memory(t, make([]uint32, count*len(results))...)
	err := c.launch(count/32, 32, device.Address(c.memory(t, words...), 0), device.Address(to, 0))
	if err != nil {
		t.Fatal(err)
	}
	got := c.words(t, to, count*len(results))
	for n := range count {
		a, b := words[2*n], words[2*n+1]
		for r, want := range wholeResults(a, b) {
			if g := got[n*len(results)+r]; g != want {
				t.Errorf("operation %d of %d and %d is %d, not %d", r, a, b, g, want)
			}
		}
	}
}

// wholeResults are those of the kernel. A card divides by 0 without complaint, and all bits
// of the quotient are 1.
func wholeResults(a, b uint32) []uint32 {
	quotient, rest := uint32(math.MaxUint32), a
	if b != 0 {
		quotient, rest = a/b, a%b
	}
	truth := map[bool]uint32{true: 1}
	return []uint32{a + b, a - b, a * b, quotient, rest, a & b, a &^ 7, min(a, b), a, a << 31, 0,
		a >> 1, a >> 31, 0, truth[a < b], truth[a >= b], truth[a == b],
		math.Float32bits(float32(a))}
}

// TestAddressesHaveMoreThan32Bits goes far below a word and back up by distances that 32 bits
// do not hold.
func TestAddressesHaveMoreThan32Bits(t *testing.T) {
	const n, apart = 3e9, 24
	for name, up := range map[string]func(k *ptx.Kernel, a ptx.U64) ptx.U64{
		"At": func(k *ptx.Kernel, a ptx.U64) ptx.U64 { return k.At(a, ptx.Int(n), apart) },
		"Stride": func(k *ptx.Kernel, a ptx.U64) ptx.U64 {
			return k.Stride(a, ptx.Int(n), ptx.Long(apart))
		},
		"Product": func(k *ptx.Kernel, a ptx.U64) ptx.U64 {
			return k.Move(a, k.Product(ptx.Int(n), ptx.Int(apart)))
		},
	} {
		k := ptx.New("far")
		p := k.Pointer()
		k.Store(up(k, k.Move(p, ptx.Long(-n*apart))), 0, ptx.Float(7))
		c := load(t, k)
		at := c.memory(t, 0)
		if err := c.launch(1, 1, device.Address(at, 0)); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := math.Float32frombits(c.words(t, at, 1)[0]); got != 7 {
			t.Errorf("%s: %v was written", name, got)
		}
	}
}

// TestPlacesOfThreads has every thread of a grid and of blocks in three directions leave
// where it is, at the place that follows from that.
func TestPlacesOfThreads(t *testing.T) {
	grid, block := [3]int{2, 3, 2}, [3]int{5, 2, 4}
	k := ptx.New("places")
	p := k.Pointer()
	place, digits := ptx.Int(0), ptx.Int(0)
	for _, a := range []ptx.Axis{ptx.Z, ptx.Y, ptx.X} {
		place = k.Add(k.Mul(place, k.Blocks(a)), k.Block(a))
		digits = k.Add(k.Mul(digits, ptx.Int(10)), k.Block(a))
	}
	for _, a := range []ptx.Axis{ptx.Z, ptx.Y, ptx.X} {
		place = k.Add(k.Mul(place, k.Threads(a)), k.Thread(a))
		digits = k.Add(k.Mul(digits, ptx.Int(10)), k.Thread(a))
	}
	k.StoreInt(k.At(p, place, 4), 0, digits)
	c, n := load(t, k), 2*3*2*5*2*4
	at := c.memory(t, make([]uint32, n)...)
	err := c.Launch(t.Context(), []device.Launch{{Kernel: c.kernel, Grid: grid, Block: block,
		Args: []device.Arg{device.Address(at, 0)}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range c.words(t, at, n) {
		want, rest := 0, i
		for a, unit := 0, 1; a < 6; a, unit = a+1, 10*unit {
			size := append(block[:], grid[:]...)[a]
			want += rest % size * unit
			rest /= size
		}
		if got != uint32(want) {
			t.Errorf("place %d is that of %06d, not of %06d", i, got, want)
		}
	}
}
