package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
	half := build.GP64()
	build.XORQ(half, half)
	build.Label("half")
	body(half)
	if w.bytes < block {
		build.ADDQ(operand.Imm(uint64(w.bytes)), half)
		build.CMPQ(half, operand.U8(block))
		build.JNE(operand.LabelRef("half"))
	}
	finish()
}

// shifted loads a pointer and adds an offset.
func shifted(name string, offset reg.Register) reg.Register {
	p := pointer(name)
	build.ADDQ(offset, p)
	return p
}

// score sets s = z·x, x at a pointer with a last coordinate of 1.
func score(z []reg.VecVirtual, x reg.Register, s reg.VecVirtual) {
	m := len(z) - 1
	build.VMOVAPS(z[m], s)
	for k := range m {
		build.VFMADD231PS(operand.Mem{Base: x, Disp: k * block}, z[k], s)
	}
}

// attend is causal linear attention with weights, y_i = Σ_{j≤i} p_ij (z_i·x_j) x_j,
// for rows of E entries, the last of x 1.
func attend(w width, e int) {
	w.function(fmt.Sprintf("attend%d", e), "y, z, x, p *float32, rows, stride int",
		"is attend for E of its name; stride is in bytes.")
	rows, stride := pointer("rows"), pointer("stride")
	halves(w, func(half reg.Register) {
		y, z, x, p := shifted("y", half), shifted("z", half), shifted("x", half), pointer("p")
		i := build.GP64()
		build.XORQ(i, i)
		build.Label("row")
		query, sums := rowOf(w, e), rowOf(w, e)
		for k := range e {
			build.VMOVUPS(operand.Mem{Base: z, Disp: k * block}, query[k])
			w.zero(sums[k])
		}
		atX, atP, j := build.GP64(), build.GP64(), build.GP64()
		build.MOVQ(x, atX)
		build.MOVQ(p, atP)
		build.LEAQ(operand.Mem{Base: i, Disp: 1}, j)
		loop("column", j, func() {
			s, weight := w.vector(), w.vector()
			score(query, atX, s)
			build.VBROADCASTSS(operand.Mem{Base: atP}, weight)
			build.VMULPS(s, weight, weight)
			for k := range e - 1 {
				build.VFMADD231PS(operand.Mem{Base: atX, Disp: k * block}, weight, sums[k])
			}
			build.VADDPS(weight, sums[e-1], sums[e-1])
			advance(e*block, atX)
			advance(4, atP)
		})
		for k := range e {
			build.VMOVUPS(sums[k], operand.Mem{Base: y, Disp: k * block})
		}
		advance(e*block, y, z)
		build.ADDQ(stride, p)
		build.INCQ(i)
		build.CMPQ(i, rows)
		build.JNE(operand.LabelRef("row"))
	})
}

// attendBackward is the start of the backward of one row: with s_j = z·x_j and
// t_j = v·x_j it writes q_j = s_j t_j and d_j = p_j t_j.
func attendBackward(w width, e int) {
	w.function(fmt.Sprintf("attendBackward%d", e), "q, d, z, v, x, p *float32, n int",
		"is attendBackward for E of its name.")
	halves(w, func(half reg.Register) {
		q, d, z, v, x, p, n := shifted("q", half), shifted("d", half), shifted("z", half),
			shifted("v", half), shifted("x", half), pointer("p"), pointer("n")
		query, slope := rowOf(w, e), rowOf(w, e)
		for k := range e {
			build.VMOVUPS(operand.Mem{Base: z, Disp: k * block}, query[k])
			build.VMOVUPS(operand.Mem{Base: v, Disp: k * block}, slope[k])
		}
		loop("column", n, func() {
			s, t := w.vector(), w.vector()
			build.VMOVAPS(query[e-1], s)
			build.VMOVAPS(slope[e-1], t)
			for k := range e - 1 {
				value := w.vector()
				build.VMOVUPS(operand.Mem{Base: x, Disp: k * block}, value)
				build.VFMADD231PS(value, query[k], s)
				build.VFMADD231PS(value, slope[k], t)
			}
			build.VMULPS(s, t, s)
			build.VMOVUPS(s, operand.Mem{Base: q})
			weight := w.vector()
			build.VBROADCASTSS(operand.Mem{Base: p}, weight)
			build.VMULPS(t, weight, t)
			build.VMOVUPS(t, operand.Mem{Base: d})
			advance(e*block, x)
			advance(block, q, d)
			advance(4, p)
		})
	})
}
