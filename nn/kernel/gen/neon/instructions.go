package main

import (
	"fmt"
	"math"
	"strings"
)

// Go's assembler has loads, stores and fused multiply-adds of vectors by name
// but no other arithmetic on vectors of float32. These are written as numbers:
// the code of the instruction on registers of four lanes, with its registers
// added, n and m being what it reads and d what it writes.
var codes = map[string]uint32{
	"fadd":  0x4e20d400,
	"fsub":  0x4ea0d400,
	"fmul":  0x6e20dc00,
	"fdiv":  0x6e20fc00,
	"faddp": 0x6e20d400, // n0+n1, n2+n3, m0+m1, m2+m3
	"fcmgt": 0x6ea0e400, // all ones where n > m
	"fcmlt": 0x4ea0e800, // all ones where n < 0
	"fcmeq": 0x4ea0d800, // all ones where n = 0
	"fsqrt": 0x6ea1f800,
}

// word writes d = n op m.
func (f *function) word(op string, d, n, m vec) {
	code := codes[op] | uint32(m)<<16 | uint32(n)<<5 | uint32(d)
	f.op("WORD $%#08x // %s v%d.4s, v%d.4s, v%d.4s", code, op, d, n, m)
}

// unary writes d = op n.
func (f *function) unary(op string, d, n vec) {
	zero := ""
	if strings.HasPrefix(op, "fcm") {
		zero = ", #0.0"
	}
	code := codes[op] | uint32(n)<<5 | uint32(d)
	f.op("WORD $%#08x // %s v%d.4s, v%d.4s%s", code, op, d, n, zero)
}

func (f *function) add(d, n, m vec) { f.word("fadd", d, n, m) }
func (f *function) sub(d, n, m vec) { f.word("fsub", d, n, m) }
func (f *function) mul(d, n, m vec) { f.word("fmul", d, n, m) }

// fma writes d += n·m, rounded once, and fms d -= n·m.
func (f *function) fma(d, n, m vec) { f.op("VFMLA V%d.S4, V%d.S4, V%d.S4", m, n, d) }
func (f *function) fms(d, n, m vec) { f.op("VFMLS V%d.S4, V%d.S4, V%d.S4", m, n, d) }

// move copies n to d, zero clears d.
func (f *function) move(d, n vec) { f.op("VMOV V%d.B16, V%d.B16", n, d) }
func (f *function) zero(d vec)    { f.op("VEOR V%d.B16, V%d.B16, V%d.B16", d, d, d) }

// where writes n to those lanes of d where the mask is all ones, unless to the
// others.
func (f *function) where(d, n, mask vec)  { f.op("VBIT V%d.B16, V%d.B16, V%d.B16", mask, n, d) }
func (f *function) unless(d, n, mask vec) { f.op("VBIF V%d.B16, V%d.B16, V%d.B16", mask, n, d) }

// constant fills a new vector with the bits of a number.
func (f *function) constant(bits uint32) vec {
	v := f.vec()
	f.scope(func() {
		r := f.reg()
		f.op("MOVD $%#08x, %v", bits, r)
		f.op("VDUP %v, V%d.S4", r, v)
	})
	return v
}

// number is constant of a number itself.
func (f *function) number(x float64) vec { return f.constant(math.Float32bits(float32(x))) }

// list is n vector registers in a row as loads and stores name them.
func list(v vec, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("V%d.S4", int(v)+i)
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// get loads n registers in a row from p, put stores them.
func (f *function) get(v vec, n int, p reg) { f.op("VLD1 (%v), %s", p, list(v, n)) }
func (f *function) put(v vec, n int, p reg) { f.op("VST1 %s, (%v)", list(v, n), p) }

// getOn and putOn do so and move p on behind what was read or written; getBy
// and putBy move it by a step.
func (f *function) getOn(v vec, n int, p reg) { f.op("VLD1.P %d(%v), %s", n*16, p, list(v, n)) }
func (f *function) putOn(v vec, n int, p reg) { f.op("VST1.P %s, %d(%v)", list(v, n), n*16, p) }
func (f *function) getBy(v vec, n int, p, step reg) {
	f.op("VLD1.P (%v)(%v), %s", p, step, list(v, n))
}
func (f *function) putBy(v vec, n int, p, step reg) {
	f.op("VST1.P %s, (%v)(%v)", list(v, n), p, step)
}

// spreadOn fills v with the number at p and moves p on to the next, spreadBy by
// a step.
func (f *function) spreadOn(v vec, p reg)       { f.op("VLD1R.P %d(%v), [V%d.S4]", numbers, p, v) }
func (f *function) spreadBy(v vec, p, step reg) { f.op("VLD1R.P (%v)(%v), [V%d.S4]", p, step, v) }

// pair loads the half of entry k of a token at p, v and the next register.
func (f *function) pair(v vec, p reg, k int) {
	f.op("FLDPQ %d(%v), (F%d, F%d)", k*block, p, v, v+1)
}

// storePair is the reverse of pair.
func (f *function) storePair(v vec, p reg, k int) {
	f.op("FSTPQ (F%d, F%d), %d(%v)", v, v+1, k*block, p)
}

// each calls body for n registers in a row.
func each(n int, body func(i vec)) {
	for i := range n {
		body(vec(i))
	}
}
