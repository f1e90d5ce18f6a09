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

	"icar/ar"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// runs32 runs a kernel in blocks of 32 threads on numbers, and returns so many that it comes to.
// The parameters of the kernel are those given and then the numbers and the results.
func runs32(t *testing.T, text, name string, blocks, results int, numbers []float64,
	args ...device.Arg) (got []float64) {
	t.Helper()
	d, ctx := emulator.New(), context.Background()
	m, err := d.Load(ctx, text, name)
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	for _, v := range numbers {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	in, err := d.Alloc(ctx, len(data))
	out, failed := d.Alloc(ctx, 8*results)
	read := make([]byte, 8*results)
	args = append(args, device.Address(in, 0), device.Address(out, 0))
	if err = errors.Join(err, failed, d.Write(ctx, in, data), d.Launch(ctx, []device.Launch{{
		Kernel: m.Kernels[0], Grid: [3]int{blocks, 1, 1}, Block: [3]int{32, 1, 1}, Args: args,
	}}), d.Read(ctx, read, out)); err != nil {
		t.Fatal(err)
	}
	for i := range results {
		got = append(got, math.Float64frombits(binary.LittleEndian.Uint64(read[8*i:])))
	}
	return got
}

// functions returns the logarithm of x and the exponential of -x by the kernels, of as many
// numbers as make whole warps.
func functions(t *testing.T, x []float64) (logs, exps []float64) {
	t.Helper()
	text, name := cuda.FunctionsText()
	got := runs32(t, text, name, len(x)/32, 2*len(x), x)
	for i := range x {
		logs, exps = append(logs, got[2*i]), append(exps, got[2*i+1])
	}
	return logs, exps
}

// TestMatricesAreThoseOfThePackage compares W and its states with those of package ar before
// they are rounded to float32, which would hide most of what another order of operations does.
func TestMatricesAreThoseOfThePackage(t *testing.T) {
	const length = 20
	for d := 1; d <= 6; d++ {
		law := ar.New([]ar.Family{ar.Haar, ar.Special}[d%2], d)
		law.Rho = 0.9
		var numbers, want []float64
		for s := range uint64(32) {
			r := ar.Rand(s, "matrices", uint64(d))
			numbers = append(numbers, 1-2*float64(r.Uint64()&1))
			for range d*(d+1)/2 - 1 {
				numbers = append(numbers, r.NormFloat64())
			}
			context := law.Context(ar.Rand(s, "matrices", uint64(d)))
			states, err := ar.Rollout[float64](law, context, length+1, nil)
			if err != nil {
				t.Fatal(err)
			}
			want = append(append(want, context.W...), states[d:]...)
		}
		text, name := cuda.WideText(law)
		got := runs32(t, text, name, 1, len(want), numbers, device.Number(length))
		for i, v := range want {
			if math.Float64bits(got[i]) != math.Float64bits(v) {
				t.Fatalf("d = %d: number %d is %v, want %v", d, i, got[i], v)
			}
		}
	}
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
