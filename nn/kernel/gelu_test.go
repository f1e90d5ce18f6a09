package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// exactGELU is x Φ(x) and its derivative in float64.
func exactGELU(x float64) (y, slope float64) {
	p := math.Erfc(-x/math.Sqrt2) / 2
	return x * p, p + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
}

// TestGELU holds every kernel against float64 on [-12, 12]. What gelu.go says of
// rounding is 9e-8 of Φ and u a²/2 of its tail, times |x| and with the exponential's 8u;
// the derivative adds x φ(x), at most 0.25 with the same relative error.
func TestGELU(t *testing.T) {
	const n = 1 << 12
	x, dy := Dense(make([]float32, n*Lanes), n, 1), Dense(make([]float32, n*Lanes), n, 1)
	for i := range x.Data {
		x.Data[i], dy.Data[i] = float32(24*(float64(i)/(n*Lanes-1)-0.5)), -2
	}
	for _, k := range Available() {
		y, slope := clone(x), clone(dy)
		k.GELU(y, x)
		k.GELUBackward(slope, x)
		for i, v := range x.Data {
			v := float64(v)
			wantY, wantSlope := exactGELU(v)
			bound := 1.2e-7 + (8+v*v)*u*math.Exp(-v*v/2)
			if e := math.Abs(float64(y.Data[i]) - wantY); !(e <= math.Abs(v)*bound+u*math.Abs(wantY)) {
				t.Fatalf("%s: GELU(%v) is off by %.3g", k.Name(), v, e)
			}
			if e := math.Abs(float64(slope.Data[i])/-2 - wantSlope); !(e <= 2*bound*(1+math.Abs(v))) {
				t.Fatalf("%s: the derivative at %v is off by %.3g", k.Name(), v, e)
			}
		}
		nan := Dense(make([]float32, Lanes), 1, 1)
		nan.Data[3] = float32(math.NaN())
		if k.GELU(nan, nan); !math.IsNaN(float64(nan.Data[3])) || nan.Data[2] != 0 {
			t.Errorf("%s: of NaN and 0 comes %v, %v", k.Name(), nan.Data[3], nan.Data[2])
		}
	}
}

// FuzzGELU checks the loops on matrices of any shape.
func FuzzGELU(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, seed uint64, a, b, _ uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		entries := func() Matrix { return random(r, shape(a), shape(b), Lanes) }
		x, y, dy := entries(), entries(), entries()
		want, wantBack := clone(y), clone(dy)
		plain{}.GELU(want, x)
		plain{}.GELUBackward(wantBack, Matrix{x.Data, dy.Rows, dy.Cols, x.Row, 1})
		for _, k := range vectors(t) {
			got, back := clone(y), clone(dy)
			k.GELU(got, x)
			k.GELUBackward(back, Matrix{x.Data, dy.Rows, dy.Cols, x.Row, 1})
			near(t, k, "y", got.Data, want.Data, func(int) float64 { return 2e-6 })
			near(t, k, "dx", back.Data, wantBack.Data, func(i int) float64 {
				return 2e-6 * (1 + math.Abs(float64(dy.Data[i])))
			})
		}
	})
}
