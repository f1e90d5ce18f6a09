package cuda_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sort"
	"testing"

	"golang.org/x/sys/cpu"

	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// functions returns the logarithm of x and the exponential of -x by the kernels, of as many
// numbers as make whole warps.
func functions(t *testing.T, x []float64) (logs, exps []float64) {
	t.Helper()
	d, ctx := emulator.New(), context.Background()
	text, name := cuda.FunctionsText()
	m, err := d.Load(ctx, text, name)
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	for _, v := range x {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	in, err := d.Alloc(ctx, len(data))
	out, failed := d.Alloc(ctx, 2*len(data))
	got := make([]byte, 2*len(data))
	if err = errors.Join(err, failed, d.Write(ctx, in, data), d.Launch(ctx, []device.Launch{{
		Kernel: m.Kernels[0], Grid: [3]int{len(x) / 32, 1, 1}, Block: [3]int{32, 1, 1},
		Args: []device.Arg{device.Address(in, 0), device.Address(out, 0)},
	}}), d.Read(ctx, got, out)); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		logs = append(logs, math.Float64frombits(binary.LittleEndian.Uint64(got[16*i:])))
		exps = append(exps, math.Float64frombits(binary.LittleEndian.Uint64(got[16*i+8:])))
	}
	return logs, exps
}

// TestFunctionsOfVariates compares logarithms and exponentials of the kernels with package
// math's, bit by bit, at the numbers that a generator gives: of all sizes, next to where the
// logarithm divides its range, at 0 and at the largest. Whether the last bits of math.Exp are
// those of fused multiply-adds depends on the processor; where they are rounded to float32, as
// the ziggurat does, they are the same everywhere.
func TestFunctionsOfVariates(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := []float64{0, 0x1p-53, 0x1p-52, 0x1p-20, 0.25, 0.5, 1 - 0x1p-53}
	for k := range 50 {
		root := math.Ldexp(math.Sqrt2, -1-k)
		x = append(x, math.Nextafter(root, 0), root, math.Nextafter(root, 1))
	}
	for len(x) < 4096 {
		x = append(x, math.Ldexp(r.Float64(), -r.IntN(2)*r.IntN(30)))
	}
	for i, v := range x { // as generators have them
		if v > 0 {
			x[i] = max(0x1p-53, v)
		}
	}
	logs, exps := functions(t, x)
	fused := runtime.GOARCH == "amd64" && cpu.X86.HasFMA
	for i, v := range x {
		if want := math.Log(v); math.Float64bits(logs[i]) != math.Float64bits(want) {
			t.Errorf("log %v = %v, want %v", v, logs[i], want)
		}
		want := math.Exp(-v)
		if float32(exps[i]) != float32(want) || fused && exps[i] != want {
			t.Errorf("exp -%v = %v, want %v", v, exps[i], want)
		}
	}
	// The ziggurat's exponents reach to -½·3.45².
	for i := range x {
		x[i] *= 6
	}
	_, exps = functions(t, x)
	for i, v := range x {
		want := math.Exp(-v)
		if float32(exps[i]) != float32(want) || fused && exps[i] != want {
			t.Errorf("exp -%v = %v, want %v", v, exps[i], want)
		}
	}
}

// given is a source that gives these numbers, and then fails.
type given struct {
	numbers []uint64
	taken   int
}

func (g *given) Uint64() uint64 {
	g.taken++
	return g.numbers[g.taken-1]
}

// variateOf is the variate that a generator makes of place j in strip i, and how many numbers
// that takes: one if it is sure, two if u decides for it, more if not.
func variateOf(i int, j uint32, u uint64) (x float64, numbers int) {
	g := &given{numbers: []uint64{uint64(i)<<32 | uint64(j), u, 2<<32 | 1<<30}}
	if i == 0 && u != 0 { // the tail, and a depth that is under the curve
		g.numbers[2] = 1
	}
	x = rand.New(g).NormFloat64()
	return x, g.taken
}

// TestZigguratIsThatOfTheGenerator asks the generator of math/rand/v2, by numbers that it is
// given, how wide every strip is, up to where its places are sure, and what is under the curve
// between its top and that of the strip before.
func TestZigguratIsThatOfTheGenerator(t *testing.T) {
	table, random := cuda.Ziggurat(), rand.New(rand.NewPCG(7, 8))
	if len(table) != 128 {
		t.Fatalf("there are %d strips", len(table))
	}
	for i, s := range table {
		if s.Sure > 1 {
			x, numbers := variateOf(i, s.Sure-1, 0)
			if numbers != 1 || x != float64(s.Sure-1)*float64(s.Width) {
				t.Errorf("strip %d is not sure up to %d: %v", i, s.Sure, x)
			}
		}
		if _, numbers := variateOf(i, s.Sure, 1<<52); numbers == 1 {
			t.Errorf("strip %d is sure beyond %d", i, s.Sure)
		}
		if i == 0 {
			continue // behind what is sure begins the tail
		}
		// At place 1 the curve is above the strip.
		if x, _ := variateOf(i, 1, 0); x != float64(s.Width) {
			t.Errorf("strip %d is %v wide, want %v", i, s.Width, x)
		}
		under := func(j uint32, u uint64) bool {
			x := float64(j) * float64(s.Width)
			r := float32(float64(u) / (1 << 53))
			height := s.Height + float32(r*(table[i-1].Height-s.Height))
			return height < float32(math.Exp(-.5*x*x))
		}
		check := func(j uint32, u uint64) {
			if _, numbers := variateOf(i, j, u); (numbers == 2) != under(j, u) {
				t.Errorf("strip %d: place %d at height %d is under the curve or not", i, j, u)
			}
		}
		// Up to a place the strip's top is under the curve, and from there on not.
		last := s.Sure + uint32(sort.Search(int(1<<31-s.Sure), func(n int) bool {
			return !under(s.Sure+uint32(n), 0)
		}))
		for _, j := range []uint32{max(last, s.Sure+1) - 1, min(last, 1<<31-1)} {
			check(j, 0)
		}
		for range 20 {
			check(s.Sure+random.Uint32N(1<<31-s.Sure), random.Uint64N(1<<53))
		}
		check(s.Sure, 1<<53-1)
	}
}
