package cuda

import (
	"math"

	"icar/nn/cuda/ptx"
)

// The functions of package math that a normal variate takes, in float64, operation by
// operation as that package has them on amd64, where cards are used: the assembly of its Log
// fuses nothing, that of its Exp fuses what the processors do that have fused
// multiply-adds.

// logarithm is math.Log of 0 ≤ x < 1 that is 0 or no smaller than 2⁻⁵³.
//
// With x = 2ᵏ(1+f), √½ < 1+f ≤ √2 or so, and s = f/(2+f) it is k log 2 + f - s(f - R), where R
// is a polynomial in s² (FreeBSD's e_log.c).
func logarithm(k *ptx.Kernel, x ptx.F64) ptx.F64 {
	low, high := k.WideBits(x)
	exponent := k.WideOfSigned(k.Sub(k.Shr(high, 20), ptx.Int(1022)))
	f := k.OfWideBits(low, k.Or(k.And(high, ptx.Int(1<<20-1)), ptx.Int(1022<<20)))
	above := k.LessWide(k.CopyWide(ptx.Double(math.Sqrt2/2)), f)
	exponent = k.ChooseWide(above, exponent, k.MinusWide(exponent, ptx.Double(1)))
	f = k.MinusWide(k.ChooseWide(above, f, k.PlusWide(f, f)), ptx.Double(1))

	s := k.OverWide(f, k.PlusWide(f, ptx.Double(2)))
	s2 := k.TimesWide(s, s)
	s4 := k.TimesWide(s2, s2)
	odd := k.TimesWide(s2, polynomial(k, s4, 1.479819860511658591e-01, 1.818357216161805012e-01,
		2.857142874366239149e-01, 6.666666666666735130e-01))
	even := k.TimesWide(s4, polynomial(k, s4, 1.531383769920937332e-01, 2.222219843214978396e-01,
		3.999999999940941908e-01))
	half := k.TimesWide(k.TimesWide(f, ptx.Double(0.5)), f)
	const (
		ln2High = 6.93147180369123816490e-01
		ln2Low  = 1.90821492927058770002e-10
	)
	inner := k.PlusWide(k.TimesWide(s, k.PlusWide(half, k.PlusWide(odd, even))),
		k.TimesWide(exponent, ptx.Double(ln2Low)))
	result := k.MinusWide(k.TimesWide(exponent, ptx.Double(ln2High)),
		k.MinusWide(k.MinusWide(half, inner), f))
	none := k.LessWide(x, ptx.Double(0x1p-53))
	return k.ChooseWide(none, ptx.Double(math.Inf(-1)), result)
}

// polynomial is the sum of c[len(c)-1-i] xⁱ, products and sums rounded by themselves.
func polynomial(k *ptx.Kernel, x ptx.F64, c ...float64) ptx.F64 {
	sum := ptx.Double(c[0])
	for _, c := range c[1:] {
		sum = k.PlusWide(k.TimesWide(x, sum), ptx.Double(c))
	}
	return sum
}

// exponentialWide is math.Exp of -700 < x ≤ 0.
//
// With x = n log 2 + 16 r it is 2ⁿ(1+y)¹⁶, where y = eʳ - 1 is made of Taylor's sum and comes
// to that of the 16th power by four steps y ← y(y + 2) (Shibata 2010, SLEEF).
func exponentialWide(k *ptx.Kernel, x ptx.F64) ptx.F64 {
	const (
		shift   = 0x1.8p52 // after this sum the lower half is the nearest whole number
		ln2High = 0.69314718055966295651160180568695068359375
		ln2Low  = 0.28235290563031577122588448175013436025525412068e-12
	)
	shifted := k.PlusWide(k.TimesWide(x, ptx.Double(math.Log2E)), ptx.Double(shift))
	n := k.MinusWide(shifted, ptx.Double(shift))
	r := k.FmaWide(n, ptx.Double(-ln2High), x)
	r = k.TimesWide(k.FmaWide(n, ptx.Double(-ln2Low), r), ptx.Double(1./16))
	y := k.CopyWide(ptx.Double(2.4801587301587301587e-5))
	for _, c := range []float64{1.9841269841269841270e-4, 1.3888888888888888889e-3,
		8.3333333333333333333e-3, 4.1666666666666666667e-2, 1.6666666666666666667e-1, 0.5, 1} {
		y = k.FmaWide(y, r, k.CopyWide(ptx.Double(c)))
	}
	y = k.TimesWide(r, y)
	for range 3 {
		y = k.TimesWide(y, k.PlusWide(y, ptx.Double(2)))
	}
	y = k.FmaWide(y, k.PlusWide(y, ptx.Double(2)), k.CopyWide(ptx.Double(1)))
	whole, _ := k.WideBits(shifted)
	power := k.Shl(k.Add(whole, ptx.Int(1023)), 20)
	return k.TimesWide(y, k.OfWideBits(ptx.Int(0), power))
}
