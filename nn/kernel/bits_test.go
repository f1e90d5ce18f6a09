package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
	"math/rand/v2"
	"testing"
)

// bitsOf are hashes of what the kernels of an arithmetic write, on any machine:
// of random numbers in all shapes of tiles and widths of attention, and of
// numbers at the ends of float32.
var bitsOf = map[string][2]string{
	"fma": {"6d297469d74d8f09", "c864f46a20d8c3f8"},
	"go":  {"d2131424d351c4dd", "d2fb1918484806fe"},
}

// TestBitsAreThoseOfEveryMachine holds every kernel against hashes that amd64
// wrote: those of avx2, avx512 and neon are one.
func TestBitsAreThoseOfEveryMachine(t *testing.T) {
	for _, k := range Available() {
		want, known := bitsOf[k.Arithmetic()]
		if !known {
			t.Errorf("%s: no hash of the arithmetic %q", k.Name(), k.Arithmetic())
		}
		if got := digest(func(h hash.Hash) { hashRandom(h, k) }); got != want[0] {
			t.Errorf("%s: random numbers give %s, want %s", k.Name(), got, want[0])
		}
		if got := digest(func(h hash.Hash) { hashExtreme(h, k) }); got != want[1] {
			t.Errorf("%s: extreme numbers give %s, want %s", k.Name(), got, want[1])
		}
	}
}

// digest returns the first 16 digits of the hash of what f writes.
func digest(f func(hash.Hash)) string {
	h := sha256.New()
	f(h)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// hashRandom writes what k makes of random matrices: rows and columns up to two
// tiles, inner sizes in one block and in several, attention of 2 to 12 entries.
func hashRandom(h hash.Hash, k Kernel) {
	seed := uint64(0)
	for rows := 1; rows <= 9; rows++ {
		for cols := 1; cols <= 7; cols++ {
			seed++
			hashNumbers(h, everything(k, seed, rows, cols, 1+int(seed*7%40)))
		}
	}
}

// hashExtreme writes what k makes of zeros of both signs, numbers too small to
// be normal, large ones, infinities and NaN, in every pairing of two.
func hashExtreme(h hash.Hash, k Kernel) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0x1p-140, -0x1p-140, 0x1p-126,
		0x1.8p127, -0x1.8p127, inf, -inf, nan}
	n := len(special)
	x, y := make([]float32, n*n*Lanes), make([]float32, n*n*Lanes)
	for i := range x {
		x[i], y[i] = special[i/Lanes/n], special[(i/Lanes+i%Lanes)%n]
	}
	dense := func(v []float32) Matrix { return clone(Dense(v, n, n)) }
	p := Dense(numbers(rand.New(rand.NewPCG(1, 1)), n*n), n, n)
	copy(p.Data, special)
	record := func(m ...Matrix) {
		for _, m := range m {
			hashNumbers(h, [][]float32{m.Data})
		}
	}
	sum, product := dense(x), dense(x)
	k.Add(sum, dense(x), dense(y))
	k.Mul(product, dense(x), dense(y), true)
	record(sum, product)
	k.MulShared(product, p, dense(y), false)
	relu, gradient := dense(x), dense(y)
	k.Relu(relu)
	k.ReluBackward(gradient, dense(x))
	record(product, relu, gradient)
	k.GELU(relu, dense(x))
	k.GELUBackward(gradient, dense(x))
	record(relu, gradient)
	scores, attention := dense(y), dense(x)
	k.Softmax(scores, 0)
	q, t := dense(x), dense(y)
	k.SoftmaxBackward(q, attention, t, p, 0)
	record(scores, q, attention, t)
	normal, rstd := dense(x), Dense(make([]float32, n*Lanes), n, 1)
	out := dense(x)
	k.Norm(out, normal, rstd, dense(y), special, special, 1e-5)
	record(out, normal, rstd)
}

// hashNumbers writes the bits of numbers; NaN is one, since processors differ in
// the sign of the NaN that they make.
func hashNumbers(h hash.Hash, lists [][]float32) {
	var bits []byte
	for _, list := range lists {
		for _, v := range list {
			b := math.Float32bits(v)
			if v != v {
				b = math.Float32bits(float32(math.NaN()))
			}
			bits = binary.LittleEndian.AppendUint32(bits, b)
		}
	}
	h.Write(bits)
}
