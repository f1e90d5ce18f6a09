package emulator_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// TestArithmetic compares every operation with exact arithmetic of math/big, on
// numbers of all sizes, those that a second rounding would spoil, and not numbers.
func TestArithmetic(t *testing.T) {
	k := ptx.New("arithmetic")
	in, out := k.Pointer(), k.Pointer()
	i := k.Add(k.Mul(k.Block(ptx.X), ptx.Int(32)), k.Thread(ptx.X))
	at := k.At(in, i, 12)
	a, b, c := k.Load(at, 0), k.Load(at, 4), k.Load(at, 8)
	wide := k.CopyWide(k.Wide(a))
	k.PlusWideTo(wide, k.Wide(b))
	results := []ptx.F32{k.Fma(a, b, c), k.Plus(a, b), k.Minus(a, b), k.Times(a, b), k.Over(a, b),
		k.Root(a), k.Max(a, b), k.Negative(a), k.Narrow(wide)}
	for r, v := range results {
		k.Store(k.At(out, i, 4*len(results)), 4*r, v)
	}
	numbers := hardNumbers()
	words := make([]uint32, len(numbers))
	for i, v := range numbers {
		words[i] = math.Float32bits(v)
	}
	card := load(t, k)
	n := len(numbers) / 3
	from, to := card.memory(t, words...), card.memory(t, make([]uint32, n*len(results))...)
	if err := card.launch(n/32, 32, device.Address(from, 0), device.Address(to, 0)); err != nil {
		t.Fatal(err)
	}
	got := card.words(t, to, n*len(results))
	for i := range n {
		a, b, c := numbers[3*i], numbers[3*i+1], numbers[3*i+2]
		for r, want := range []float32{exactFma(a, b, c), a + b, a - b, a * b, a / b,
			float32(math.Sqrt(float64(a))), float32(math.Max(float64(a), float64(b))), -a,
			float32(float64(a) + float64(b))} {
			if r == 6 && (a != a || b != b) {
				want = min(a, b) // no number
				if a == a || b == b {
					want = map[bool]float32{true: a, false: b}[b != b]
				}
			}
			bits := math.Float32bits(want)
			if want != want {
				bits = 0x7fffffff
			}
			if g := got[i*len(results)+r]; g != bits && !(r == 7 && want != want) {
				t.Fatalf("operation %d of %v, %v, %v: %#08x, want %#08x", r, a, b, c, g, bits)
			}
		}
	}
}

// hardNumbers returns triples for a warp each.
func hardNumbers() []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, math.MaxFloat32,
		math.SmallestNonzeroFloat32, 0x1p-126, 0x1p-149 * 3, float32(math.Inf(1)),
		float32(math.NaN()), 1 + 0x1p-23, 1 - 0x1p-24}
	var numbers []float32
	for range 1 << 14 {
		a := math.Float32frombits(r.Uint32())
		b := math.Float32frombits(r.Uint32())
		c := math.Float32frombits(r.Uint32())
		switch r.IntN(4) {
		case 0: // a sum next to the middle between numbers: a·b is 2⁻²⁴ (1 - 2⁻⁴⁶m²)
			m, size := float32(1+r.IntN(8))*0x1p-23, float32(math.Ldexp(1, r.IntN(200)-100))
			a, b, c = 1+m, (1-m)*size*0x1p-24, (1+float32(r.IntN(4))*0x1p-23)*size
			if r.IntN(2) == 0 {
				b = -b
			}
		case 1:
			a = special[r.IntN(len(special))]
		case 2: // results below the normal numbers
			a, b = a*0x1p-60, 0x1p-80
			c = math.Float32frombits(r.Uint32() & 0x80ffffff)
		}
		numbers = append(numbers, a, b, c)
	}
	return numbers
}

// exactFma is a·b + c from numbers without end.
func exactFma(a, b, c float32) float32 {
	for _, v := range []float32{a, b, c} {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return float32(float64(a)*float64(b) + float64(c))
		}
	}
	exact := func(v float32) *big.Float {
		return new(big.Float).SetPrec(700).SetFloat64(float64(v))
	}
	sum := new(big.Float).SetPrec(700).Mul(exact(a), exact(b))
	sum.Add(sum, exact(c))
	if sum.Sign() == 0 { // the sign of zero is that of arithmetic in float64, where all is exact
		return float32(float64(a)*float64(b) + float64(c))
	}
	f, _ := sum.Float32()
	return f
}

// TestNoNumberIsLess compares numbers of both sizes: what is no number is not less than any,
// nor any less than it, and the zeros are equal.
func TestNoNumberIsLess(t *testing.T) {
	numbers := []float32{1, 2, 0, float32(math.Copysign(0, -1)), float32(math.Inf(1)),
		float32(math.Inf(-1)), float32(math.NaN())}
	for _, a := range numbers {
		for _, b := range numbers {
			k := ptx.New("less")
			p := k.Pointer()
			x, y := k.Load(p, 0), k.Load(p, 4)
			yes, no := ptx.Int(1), ptx.Int(0)
			k.StoreInt(p, 0, k.Pick(k.FLess(x, y), yes, no))
			k.StoreInt(p, 4, k.Pick(k.LessWide(k.Wide(x), k.Wide(y)), yes, no))
			c := load(t, k)
			at := c.memory(t, math.Float32bits(a), math.Float32bits(b))
			if err := c.launch(1, 1, device.Address(at, 0)); err != nil {
				t.Fatal(err)
			}
			want := map[bool]uint32{true: 1}[a < b]
			if got := c.words(t, at, 2); got[0] != want || got[1] != want {
				t.Errorf("%v < %v is %d, of wide ones, not %d", a, b, got, want)
			}
		}
	}
}
