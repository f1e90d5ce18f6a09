package emulator

import (
	"math"
	"math/bits"
)

const everyLane = math.MaxUint32

// operation makes the step of an instruction from the rows of its operands, the
// result first, which are of those kinds.
type operation struct {
	kinds string
	make  func(rows []int) step
}

// operations are the instructions that compute a number from others.
var operations = map[string]operation{
	"fma.rn.f32": {"wwww", fused},
	"add.rn.f32": {"www", sum},
	"sub.rn.f32": floats(func(a, b float32) float32 { return a - b }),
	"mul.rn.f32": {"www", times},
	"div.rn.f32": floats(func(a, b float32) float32 { return a / b }),
	"max.f32":    floats(largest),
	"sqrt.rn.f32": unary(func(a uint32) uint32 {
		return number(float32(math.Sqrt(float64(math.Float32frombits(a)))))
	}),
	"neg.f32":        unary(func(a uint32) uint32 { return a ^ 1<<31 }),
	"mov.f32":        unary(same),
	"mov.b32":        unary(same),
	"mov.u32":        unary(same),
	"cvt.rn.f32.u32": unary(func(a uint32) uint32 { return math.Float32bits(float32(a)) }),

	"add.u32":    pair(func(a, b uint32) uint32 { return a + b }),
	"sub.u32":    pair(func(a, b uint32) uint32 { return a - b }),
	"mul.lo.u32": pair(func(a, b uint32) uint32 { return a * b }),
	"div.u32":    pair(func(a, b uint32) uint32 { return quotient(a, b) }),
	"rem.u32":    pair(func(a, b uint32) uint32 { return a - quotient(a, b)*b }),
	"min.u32":    pair(func(a, b uint32) uint32 { return min(a, b) }),
	"and.b32":    pair(func(a, b uint32) uint32 { return a & b }),
	"or.b32":     pair(func(a, b uint32) uint32 { return a | b }),
	"xor.b32":    pair(func(a, b uint32) uint32 { return a ^ b }),
	"shl.b32":    pair(func(a, b uint32) uint32 { return a << b }),
	"shr.u32":    pair(func(a, b uint32) uint32 { return a >> b }),

	// The upper half of the number ab, moved up.
	"shf.l.wrap.b32": {"wwww", three(func(a, b, n uint32) uint32 {
		return uint32((uint64(b)<<32 | uint64(a)) << (n & 31) >> 32)
	})},

	"setp.lt.u32": compare(func(a, b uint32) bool { return a < b }),
	"setp.ge.u32": compare(func(a, b uint32) bool { return a >= b }),
	"setp.eq.u32": compare(func(a, b uint32) bool { return a == b }),
	"setp.lt.f32": compare(func(a, b uint32) bool {
		return math.Float32frombits(a) < math.Float32frombits(b)
	}),
	"and.pred": {"ppp", two(func(a, b uint32) uint32 { return a & b })},
	"selp.f32": {"wwwp", choice},
	"selp.b32": {"wwwp", choice},

	"cvt.f64.f32": {"qw", widen(wideFloat)},
	"cvt.u64.u32": {"qw", widen(func(a uint32) uint64 { return uint64(a) })},
	"cvt.rn.f64.u32": {"qw", widen(func(a uint32) uint64 {
		return math.Float64bits(float64(a))
	})},
	"cvt.rn.f64.s32": {"qw", widen(func(a uint32) uint64 {
		return math.Float64bits(float64(int32(a)))
	})},
	"cvt.rn.f32.f64": {"wq", narrowed},
	"mov.f64":        {"qq", wideCopy},
	"mov.u64":        {"qq", wideCopy},
	// Addresses of parameters are those of global memory already.
	"cvta.to.global.u64": {"qq", wideCopy},
	"add.rn.f64":         {"qqq", wideTwo(wideSum)},
	"sub.rn.f64":         {"qqq", wideTwo(wideDifference)},
	"mul.rn.f64":         {"qqq", wideTwo(wideTimes)},
	"div.rn.f64":         {"qqq", wideTwo(wideQuotient)},
	"fma.rn.f64":         {"qqqq", wideThree(wideFMA)},
	"sqrt.rn.f64":        {"qq", wideRoot},
	"neg.f64":            {"qq", wideNegative},
	"selp.f64":           {"qqqp", wideChoice},
	"setp.lt.f64":        {"pqq", wideLess},
	"add.u64":            {"qqq", wideTwo(func(a, b uint64) uint64 { return a + b })},
	"mad.lo.u64":         {"qqqq", wideThree(func(a, b, c uint64) uint64 { return a*b + c })},
	"mul.wide.u32":       {"qww", wideProduct},
	"mad.wide.u32":       {"qwwq", wideMultiplyAdd},
}

// nan is the only NaN that a card's arithmetic returns.
const nan = 0x7fffffff

// number returns the bits of v as a card would.
func number(v float32) uint32 {
	if v != v {
		return nan
	}
	return math.Float32bits(v)
}

func same(a uint32) uint32 { return a }

// largest is the maximum; of a number and no number it is the number.
func largest(a, b float32) float32 {
	switch {
	case a != a:
		return b
	case b != b:
		return a
	}
	return max(a, b)
}

// quotient is a/b. A card divides by 0 without complaint; so does this, with the
// same result.
func quotient(a, b uint32) uint32 {
	if b == 0 {
		return math.MaxUint32
	}
	return a / b
}

// fma returns a·b + c rounded once. The product is exact in float64. The sum is
// rounded to float64 and then to float32, which goes wrong only where the first
// lands on the middle between two float32.
func fma(a, b, c float32) float32 {
	s := float64(float64(a)*float64(b)) + float64(c)
	if math.Float64bits(s)&0x0fffffff != 0 {
		return float32(s)
	}
	return fmaNear(float64(a)*float64(b), float64(c))
}

// fmaNear returns p + d rounded once, where their sum in float64 may be such a middle: it
// is then moved off it, in the direction of what rounding it lost.
func fmaNear(p, d float64) float32 {
	s := p + d
	t := s - p
	lost := (p - (s - t)) + (d - t) // exactly, Knuth's sum of two numbers
	if lost == 0 || lost != lost || math.IsInf(s, 0) {
		return float32(s)
	}
	u := math.Float64bits(s)
	if (lost > 0) == (s > 0) {
		u++
	} else {
		u--
	}
	return float32(math.Float64frombits(u))
}

func fused(rows []int) step {
	return func(w *warp, on uint32) {
		d, a, b, c := &w.narrow[rows[0]], &w.narrow[rows[1]], &w.narrow[rows[2]], &w.narrow[rows[3]]
		if on == everyLane {
			for l := range d {
				d[l] = number(fma(math.Float32frombits(a[l]), math.Float32frombits(b[l]),
					math.Float32frombits(c[l])))
			}
			return
		}
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = number(fma(math.Float32frombits(a[l]), math.Float32frombits(b[l]),
				math.Float32frombits(c[l])))
		}
	}
}

// sum and times are written out since most of a kernel's work is theirs and that of
// fused.
func sum(rows []int) step {
	return func(w *warp, on uint32) {
		d, a, b := &w.narrow[rows[0]], &w.narrow[rows[1]], &w.narrow[rows[2]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = number(math.Float32frombits(a[l]) + math.Float32frombits(b[l]))
		}
	}
}

func times(rows []int) step {
	return func(w *warp, on uint32) {
		d, a, b := &w.narrow[rows[0]], &w.narrow[rows[1]], &w.narrow[rows[2]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = number(math.Float32frombits(a[l]) * math.Float32frombits(b[l]))
		}
	}
}

func unary(f func(a uint32) uint32) operation {
	return operation{"ww", func(rows []int) step {
		return func(w *warp, on uint32) {
			d, a := &w.narrow[rows[0]], &w.narrow[rows[1]]
			for m := on; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				d[l] = f(a[l])
			}
		}
	}}
}

func two(f func(a, b uint32) uint32) func(rows []int) step {
	return func(rows []int) step {
		return func(w *warp, on uint32) {
			d, a, b := &w.narrow[rows[0]], &w.narrow[rows[1]], &w.narrow[rows[2]]
			for m := on; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				d[l] = f(a[l], b[l])
			}
		}
	}
}

func three(f func(a, b, c uint32) uint32) func(rows []int) step {
	return func(rows []int) step {
		return func(w *warp, on uint32) {
			d, a, b := &w.narrow[rows[0]], &w.narrow[rows[1]], &w.narrow[rows[2]]
			c := &w.narrow[rows[3]]
			for m := on; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				d[l] = f(a[l], b[l], c[l])
			}
		}
	}
}

func pair(f func(a, b uint32) uint32) operation { return operation{"www", two(f)} }

func floats(f func(a, b float32) float32) operation {
	return pair(func(a, b uint32) uint32 {
		return number(f(math.Float32frombits(a), math.Float32frombits(b)))
	})
}

func compare(f func(a, b uint32) bool) operation {
	return operation{"pww", two(func(a, b uint32) uint32 {
		if f(a, b) {
			return 1
		}
		return 0
	})}
}

func choice(rows []int) step {
	return func(w *warp, on uint32) {
		choose(&w.narrow[rows[0]], &w.narrow[rows[1]], &w.narrow[rows[2]], &w.narrow[rows[3]], on)
	}
}

// choose sets d to a in the lanes on in which p is true, and to b in the others of them.
func choose[T uint32 | uint64](d, a, b *[32]T, p *[32]uint32, on uint32) {
	for m := on; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m)
		if p[l] != 0 {
			d[l] = a[l]
		} else {
			d[l] = b[l]
		}
	}
}
