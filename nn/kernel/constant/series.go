package constant

import "math"

// Numbers of the exponential, see exp.go of package kernel.
const (
	ExpLeast = -87.33654 // ln 2⁻¹²⁶
	ExpShift = 3 << 22
	Ln2High  = 0x1.62ep-1         // 12 bits, so that n·Ln2High is exact for |n| < 2¹²
	Ln2Low   = math.Ln2 - Ln2High // the rest
)

// ExpTaylor returns 1/7!, 1/6!, …, 1.
func ExpTaylor() [8]float32 {
	return [...]float32{1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1, 1}
}

// Numbers of the GELU, see gelu.go of package kernel.
const (
	GELUC       = 0.35
	GELUDensity = 0.3989422804 // 1/√(2π)
)

// GELUTail returns q₈, …, q₁ and 1/2.
func GELUTail() [9]float32 {
	return [...]float32{
		-0.02935839258134365, 0.08982034027576447, -0.06470503658056259, -0.015750566497445107,
		-0.06423547118902206, 0.1026318147778511, 0.26104989647865295, -0.6398325562477112, 0.5,
	}
}
