package kernel

import (
	"math"

	"icar/nn/kernel/constant"
)

// exp returns eˣ for x ≤ 0 as every kernel computes it: with n the integer next
// to x·log₂e and r = x - n·ln 2, |r| ≤ ln 2/2 = 0.347,
//
//	eˣ = 2ⁿ (1 + r + r²/2! + … + r⁷/7!).
//
// The series stops short by a relative r⁸/8! < 6e-9, a tenth of a unit in the
// last place, so the error is that of rounding. x below ExpLeast is taken for
// ExpLeast, whose exponential is the smallest normal number.
func exp(x float32) float32 {
	if x < constant.ExpLeast {
		x = constant.ExpLeast
	}
	// Adding 1.5·2²³ rounds to an integer, which is left in the low bits.
	shifted := float32(x*math.Log2E) + constant.ExpShift
	n := shifted - constant.ExpShift
	r := float32(x-float32(n*constant.Ln2High)) - float32(n*constant.Ln2Low)
	y := float32(expTaylor[0])
	for _, c := range expTaylor[1:] {
		y = float32(y*r) + c
	}
	return math.Float32frombits(math.Float32bits(y) + math.Float32bits(shifted)<<23)
}

// expTaylor holds 1/7!, 1/6!, …, 1.
var expTaylor = constant.ExpTaylor()
