package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mostEntries is the largest E whose two rows of E sums leave two registers of
// AVX2.
const mostEntries = 6

// rowOf allocates E registers.
func rowOf(w width, e int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, e)
	for i := range v {
		v[i] = w.vector()
	}
	return v
}

// halves repeats body for every part of a block: half is the offset.
func halves(w width, body func(half reg.Register)) {
	half := GP64()
	XORQ(half, half)
	Label("half")
	body(half)
	if w.bytes < block {
		ADDQ(Imm(uint64(w.bytes)), half)
		CMPQ(half, U8(block))
		JNE(LabelRef("half"))
	}
	finish()
}

// shifted loads a pointer and adds an offset.
func shifted(name string, offset reg.Register) reg.Register {
	p := pointer(name)
	ADDQ(offset, p)
	return p
}

// score sets s = z·x, x at a pointer with a last coordinate of 1.
func score(z []reg.VecVirtual, x reg.Register, s reg.VecVirtual) {
	m := len(z) - 1
	VMOVAPS(z[m], s)
	for k := range m {
		VFMADD231PS(Mem{Base: x, Disp: k * block}, z[k], s)
	}
}

// attend is causal linear attention with weights, y_i = Σ_{j≤i} p_ij (z_i·x_j) x_j,
// for rows of E entries, the last of x 1.
func attend(w width, e int) {
	w.function(fmt.Sprintf("attend%d", e), "y, z, x, p *float32, rows, stride int", "is attend for E of its name; stride is in bytes.")
	rows, stride := pointer("rows"), pointer("stride")
	halves(w, func(half reg.Register) {
		y, z, x, p := shifted("y", half), shifted("z", half), shifted("x", half), pointer("p")
		i := GP64()
		XORQ(i, i)
		Label("row")
		query, sums := rowOf(w, e), rowOf(w, e)
		for k := range e {
			VMOVUPS(Mem{Base: z, Disp: k * block}, query[k])
			w.zero(sums[k])
		}
		atX, atP, j := GP64(), GP64(), GP64()
		MOVQ(x, atX)
		MOVQ(p, atP)
		LEAQ(Mem{Base: i, Disp: 1}, j)
		loop("column", j, func() {
			s, weight := w.vector(), w.vector()
			score(query, atX, s)
			VBROADCASTSS(Mem{Base: atP}, weight)
			VMULPS(s, weight, weight)
			for k := range e - 1 {
				VFMADD231PS(Mem{Base: atX, Disp: k * block}, weight, sums[k])
			}
			VADDPS(weight, sums[e-1], sums[e-1])
			advance(e*block, atX)
			advance(4, atP)
		})
		for k := range e {
			VMOVUPS(sums[k], Mem{Base: y, Disp: k * block})
		}
		advance(e*block, y, z)
		ADDQ(stride, p)
		INCQ(i)
		CMPQ(i, rows)
		JNE(LabelRef("row"))
	})
}

// attendBackward is the start of the backward of one row: with s_j = z·x_j and
// t_j = v·x_j it writes q_j = s_j t_j and d_j = p_j t_j.
func attendBackward(w width, e int) {
	w.function(fmt.Sprintf("attendBackward%d", e), "q, d, z, v, x, p *float32, n int", "is attendBackward for E of its name.")
	halves(w, func(half reg.Register) {
		q, d, z, v, x, p, n := shifted("q", half), shifted("d", half), shifted("z", half), shifted("v", half), shifted("x", half), pointer("p"), pointer("n")
		query, slope := rowOf(w, e), rowOf(w, e)
		for k := range e {
			VMOVUPS(Mem{Base: z, Disp: k * block}, query[k])
			VMOVUPS(Mem{Base: v, Disp: k * block}, slope[k])
		}
		loop("column", n, func() {
			s, t := w.vector(), w.vector()
			VMOVAPS(query[e-1], s)
			VMOVAPS(slope[e-1], t)
			for k := range e - 1 {
				value := w.vector()
				VMOVUPS(Mem{Base: x, Disp: k * block}, value)
				VFMADD231PS(value, query[k], s)
				VFMADD231PS(value, slope[k], t)
			}
			VMULPS(s, t, s)
			VMOVUPS(s, Mem{Base: q})
			weight := w.vector()
			VBROADCASTSS(Mem{Base: p}, weight)
			VMULPS(t, weight, t)
			VMOVUPS(t, Mem{Base: d})
			advance(e*block, x)
			advance(block, q, d)
			advance(4, p)
		})
	})
}
