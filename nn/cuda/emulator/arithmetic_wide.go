package emulator

import (
	"math"
	"math/bits"
	"slices"
	"strings"
)

// Steps on numbers of 64 bits.

func wideFloat(a uint32) uint64 { return math.Float64bits(float64(math.Float32frombits(a))) }

func wideSum(a, b uint64) uint64 {
	return math.Float64bits(math.Float64frombits(a) + math.Float64frombits(b))
}

func wideDifference(a, b uint64) uint64 {
	return math.Float64bits(math.Float64frombits(a) - math.Float64frombits(b))
}

func wideTimes(a, b uint64) uint64 {
	return math.Float64bits(math.Float64frombits(a) * math.Float64frombits(b))
}

func wideQuotient(a, b uint64) uint64 {
	return math.Float64bits(math.Float64frombits(a) / math.Float64frombits(b))
}

func wideFMA(a, b, c uint64) uint64 {
	return math.Float64bits(math.FMA(math.Float64frombits(a), math.Float64frombits(b),
		math.Float64frombits(c)))
}

func widen(f func(a uint32) uint64) func(rows []int) step {
	return func(rows []int) step {
		return func(w *warp, on uint32) {
			d, a := &w.wide[rows[0]], &w.narrow[rows[1]]
			for m := on; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				d[l] = f(a[l])
			}
		}
	}
}

func narrowed(rows []int) step {
	return func(w *warp, on uint32) {
		d, a := &w.narrow[rows[0]], &w.wide[rows[1]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = number(float32(math.Float64frombits(a[l])))
		}
	}
}

func wideCopy(rows []int) step {
	return func(w *warp, on uint32) {
		d, a := &w.wide[rows[0]], &w.wide[rows[1]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = a[l]
		}
	}
}

func wideTwo(f func(a, b uint64) uint64) func(rows []int) step {
	return func(rows []int) step {
		return func(w *warp, on uint32) {
			d, a, b := &w.wide[rows[0]], &w.wide[rows[1]], &w.wide[rows[2]]
			for m := on; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				d[l] = f(a[l], b[l])
			}
		}
	}
}

func wideThree(f func(a, b, c uint64) uint64) func(rows []int) step {
	return func(rows []int) step {
		return func(w *warp, on uint32) {
			d, a, b, c := &w.wide[rows[0]], &w.wide[rows[1]], &w.wide[rows[2]], &w.wide[rows[3]]
			for m := on; m != 0; m &= m - 1 {
				l := bits.TrailingZeros32(m)
				d[l] = f(a[l], b[l], c[l])
			}
		}
	}
}

func wideRoot(rows []int) step {
	return func(w *warp, on uint32) {
		d, a := &w.wide[rows[0]], &w.wide[rows[1]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = math.Float64bits(math.Sqrt(math.Float64frombits(a[l])))
		}
	}
}

func wideNegative(rows []int) step {
	return func(w *warp, on uint32) {
		d, a := &w.wide[rows[0]], &w.wide[rows[1]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = a[l] ^ 1<<63
		}
	}
}

func wideChoice(rows []int) step {
	return func(w *warp, on uint32) {
		choose(&w.wide[rows[0]], &w.wide[rows[1]], &w.wide[rows[2]], &w.narrow[rows[3]], on)
	}
}

func wideLess(rows []int) step {
	return func(w *warp, on uint32) {
		d, a, b := &w.narrow[rows[0]], &w.wide[rows[1]], &w.wide[rows[2]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = 0
			if math.Float64frombits(a[l]) < math.Float64frombits(b[l]) {
				d[l] = 1
			}
		}
	}
}

func wideProduct(rows []int) step {
	return func(w *warp, on uint32) {
		d, a, b := &w.wide[rows[0]], &w.narrow[rows[1]], &w.narrow[rows[2]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = uint64(a[l]) * uint64(b[l])
		}
	}
}

func wideMultiplyAdd(rows []int) step {
	return func(w *warp, on uint32) {
		d, a, b, c := &w.wide[rows[0]], &w.narrow[rows[1]], &w.narrow[rows[2]], &w.wide[rows[3]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			d[l] = uint64(a[l])*uint64(b[l]) + c[l]
		}
	}
}

// halves reads mov.b64 between a number of 64 bits and its lower and upper half:
//
//	mov.b64 {%r1, %r2}, %d3;  mov.b64 %d3, {%r1, %r2};
func (p *parser) halves(list []string) (step, error) {
	split := strings.HasPrefix(list[0], "{")
	if !split {
		slices.Reverse(list)
	}
	half, err := p.registers(operands(strings.Trim(list[0], "{}")), "ww")
	if err != nil {
		return nil, err
	}
	whole, err := p.registers(list[1:], "q")
	if err != nil {
		return nil, err
	}
	return func(w *warp, on uint32) {
		low, high, d := &w.narrow[half[0]], &w.narrow[half[1]], &w.wide[whole[0]]
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			if split {
				low[l], high[l] = uint32(d[l]), uint32(d[l]>>32)
			} else {
				d[l] = uint64(high[l])<<32 | uint64(low[l])
			}
		}
	}, nil
}
