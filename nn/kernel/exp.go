package kernel

import "math"

// exp returns eˣ for x ≤ 0 as every kernel computes it: with n the integer next
// to x·log₂e and r = x - n·ln 2, |r| ≤ ln 2/2 = 0.347,
//
//	eˣ = 2ⁿ (1 + r + r²/2! + … + r⁷/7!).
//
// The series stops short by a relative r⁸/8! < 6e-9, a tenth of a unit in the
// last place, so the error is that of rounding. x below expLeast is taken for
// expLeast, whose exponential is the smallest normal number.
func exp(x float32) float32 {
	if x < expLeast {
		x = expLeast
	}
	// Adding 1.5·2²³ rounds to an integer, which is left in the low bits.
	shifted := float32(x*log2e) + expShift
	n := shifted - expShift
	r := float32(x-float32(n*ln2High)) - float32(n*ln2Low)
	y := float32(expTaylor[0])
	for _, c := range expTaylor[1:] {
		y = float32(y*r) + c
	}
	return math.Float32frombits(math.Float32bits(y) + math.Float32bits(shifted)<<23)
}

const (
	expLeast = -87.33654 // ln 2⁻¹²⁶
	log2e    = math.Log2E
	expShift = 3 << 22
	ln2High  = 0x1.62ep-1         // 12 bits, so that n·ln2High is exact for |n| < 2¹²
	ln2Low   = math.Ln2 - ln2High // the rest
)

// expTaylor holds 1/7!, 1/6!, …, 1.
var expTaylor = [...]float32{1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1, 1}
