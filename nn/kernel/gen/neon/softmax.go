package main

import (
	"math"

	"icar/nn/kernel/constant"
)

// series holds what exp needs in registers, see exp.go of package kernel.
type series struct {
	least, log2e, shift, high, low vec
	taylor                         []vec // 1/7!, 1/6!, …, 1, 1
}

// series fills registers with the constants of exp.
func (f *function) series() series {
	number := f.number
	s := series{
		least: number(constant.ExpLeast), log2e: number(math.Log2E),
		shift: number(constant.ExpShift), high: number(constant.Ln2High),
		low: number(constant.Ln2Low),
	}
	taylor := constant.ExpTaylor()
	for _, c := range taylor[:7] {
		s.taylor = append(s.taylor, number(float64(c)))
	}
	s.taylor = append(s.taylor, s.taylor[6]) // 1 again
	return s
}

// exp replaces n registers x by their exponential.
func (f *function) exp(s series, x vec, n int) {
	f.scope(func() {
		shifted, whole, y, next := f.vecs(n), f.vecs(n), f.vecs(n), f.vecs(n)
		each(n, func(h vec) {
			f.word("fcmgt", whole+h, s.least, x+h)
			f.where(x+h, s.least, whole+h) // NaN stays
			f.move(shifted+h, s.shift)
			f.fma(shifted+h, s.log2e, x+h)
			f.sub(whole+h, shifted+h, s.shift)
			f.fms(x+h, s.high, whole+h)
			f.fms(x+h, s.low, whole+h)
			f.move(y+h, s.taylor[0])
		})
		for _, c := range s.taylor[1:] {
			each(n, func(h vec) {
				f.move(next+h, c)
				f.fma(next+h, x+h, y+h)
			})
			y, next = next, y
		}
		each(n, func(h vec) {
			f.op("VSHL $23, V%d.S4, V%d.S4", shifted+h, shifted+h)
			f.op("VADD V%d.S4, V%d.S4, V%d.S4", shifted+h, y+h, x+h)
		})
	})
}

func softmax(p *program) {
	f := p.function("softmax", "replaces n entries by their softmax.", "s *float32", "n int")
	s, n := f.load("s"), f.load("n")
	constants := f.series()
	top, total := f.vecs(4), f.vecs(4)
	f.get(top, 4, s)
	each(4, func(i vec) { f.zero(total + i) })
	again := func(label string, body func(at reg)) {
		f.scope(func() {
			at, left := f.copy(s), f.copy(n)
			f.loop(label, left, func() { body(at) })
		})
	}
	again("top", func(at reg) {
		v, mask := f.vecs(4), f.vecs(4)
		f.getOn(v, 4, at)
		each(4, func(i vec) {
			f.word("fcmgt", mask+i, top+i, v+i)
			f.unless(top+i, v+i, mask+i)
		})
	})
	again("exp", func(at reg) {
		for pair := vec(0); pair < 4; pair += 2 {
			f.scope(func() {
				x := f.vecs(2)
				f.get(x, 2, at)
				each(2, func(h vec) { f.sub(x+h, x+h, top+pair+h) })
				f.exp(constants, x, 2)
				each(2, func(h vec) { f.add(total+pair+h, total+pair+h, x+h) })
				f.putOn(x, 2, at)
			})
		}
	})
	one := constants.taylor[len(constants.taylor)-1]
	each(4, func(i vec) { f.word("fdiv", total+i, one, total+i) })
	again("scale", func(at reg) {
		v := f.vecs(4)
		f.get(v, 4, at)
		each(4, func(i vec) { f.mul(v+i, v+i, total+i) })
		f.putOn(v, 4, at)
	})
	f.op("RET")
}

func softmaxBackward(p *program) {
	f := p.function("softmaxBackward",
		"writes a∘t, p∘a and a∘(p∘t - Σ p∘a∘t) to n entries of q, s = a and t.",
		"q,s,t,p *float32", "n int")
	q, s, t, at, n := f.load("q"), f.load("s"), f.load("t"), f.load("p"), f.load("n")
	mean := f.vecs(4)
	each(4, func(i vec) { f.zero(mean + i) })
	f.scope(func() {
		q, s, t, at, left := f.copy(q), f.copy(s), f.copy(t), f.copy(at), f.copy(n)
		f.loop("mean", left, func() {
			weight, product, slope := f.vec(), f.vecs(4), f.vecs(4)
			f.spreadOn(weight, at)
			f.getOn(product, 4, s)
			f.getOn(slope, 4, t)
			each(4, func(i vec) {
				f.mul(product+i, product+i, slope+i)
				f.fma(mean+i, product+i, weight)
			})
			f.putOn(product, 4, q)
		})
	})
	f.loop("slope", n, func() {
		weight, a, slope := f.vec(), f.vecs(4), f.vecs(4)
		f.spreadOn(weight, at)
		f.get(a, 4, s)
		f.getOn(slope, 4, q)
		each(4, func(i vec) {
			f.mul(slope+i, slope+i, weight)
			f.fms(slope+i, mean+i, a+i)
		})
		f.putOn(slope, 4, t)
		each(4, func(i vec) { f.mul(a+i, a+i, weight) })
		f.putOn(a, 4, s)
	})
	f.op("RET")
}
