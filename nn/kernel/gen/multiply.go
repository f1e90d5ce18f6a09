package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Most rows and columns of a tile: 4·3 sums, 3 entries of b and one of a fill
// the 16 registers of AVX2.
const mostRows, mostCols = 4, 3

// Byte offsets of the numbers of type tiles in vector_amd64.go.
const (
	fieldK = 8 * iota
	fieldCount
	fieldAdd
	fieldShape
	fieldCRow
	fieldCCol
	fieldARow
	fieldACol
	fieldBRow
	fieldBCol
)

// multiply computes tiles of c = a·b side by side along a row: each keeps its
// sums in registers while k runs. With shared, entries of a are plain numbers.
func multiply(w width, name string, shared bool) {
	w.function(name, "c, a, b *float32, t *[10]int", "computes the tiles of t, the first of which starts at c, a and b.")
	t := pointer("t")
	shape := build.GP64()
	build.MOVQ(operand.Mem{Base: t, Disp: fieldShape}, shape)
	for rows := mostRows; rows > 0; rows-- {
		for cols := mostCols; cols > 0; cols-- {
			next := fmt.Sprintf("not%dx%d", rows, cols)
			build.CMPQ(shape, operand.U8(mostCols*(rows-1)+cols-1))
			build.JNE(operand.LabelRef(next))
			tile(w, t, rows, cols, shared)
			build.Label(next)
		}
	}
	build.RET()
}

// tile is multiply for tiles of one shape.
func tile(w width, t reg.Register, rows, cols int, shared bool) {
	label := func(s string) string { return fmt.Sprintf("%s%dx%d", s, rows, cols) }
	field := func(offset int) reg.Register {
		r := build.GP64()
		build.MOVQ(operand.Mem{Base: t, Disp: offset}, r)
		return r
	}
	aRow, aCol, bRow, bCol := field(fieldARow), field(fieldACol), field(fieldBRow), field(fieldBCol)
	aRow3 := triple(aRow, rows)
	half := build.GP64()
	build.XORQ(half, half)

	build.Label(label("half"))
	c, a, b, n := pointer("c"), pointer("a"), pointer("b"), field(fieldCount)
	build.ADDQ(half, c)
	build.ADDQ(half, b)
	if !shared {
		build.ADDQ(half, a)
	}
	var sums [mostRows][mostCols]reg.VecVirtual
	for i := range rows {
		for j := range cols {
			sums[i][j] = w.vector()
		}
	}
	// outside runs f on every sum and its place in c.
	outside := func(f func(place operand.Mem, v reg.VecVirtual)) {
		at, row := build.GP64(), field(fieldCRow)
		row3 := triple(row, rows)
		build.MOVQ(c, at)
		for j := range cols {
			for i := range rows {
				f(strided(at, row, row3, i), sums[i][j])
			}
			if j < cols-1 {
				build.ADDQ(operand.Mem{Base: t, Disp: fieldCCol}, at)
			}
		}
	}

	build.Label(label("tile"))
	build.CMPQ(operand.Mem{Base: t, Disp: fieldAdd}, operand.U8(0))
	build.JEQ(operand.LabelRef(label("zero")))
	outside(func(place operand.Mem, v reg.VecVirtual) { build.VMOVUPS(place, v) })
	build.JMP(operand.LabelRef(label("start")))
	build.Label(label("zero"))
	for i := range rows {
		for j := range cols {
			w.zero(sums[i][j])
		}
	}
	build.Label(label("start"))
	atA, atB, k := build.GP64(), build.GP64(), field(fieldK)
	build.MOVQ(a, atA)
	build.MOVQ(b, atB)
	loop(label("k"), k, func() {
		var right [mostCols]reg.VecVirtual
		for j := range cols {
			right[j] = w.vector()
			build.VMOVUPS(strided(atB, bCol, nil, j), right[j])
		}
		for i := range rows {
			left := w.vector()
			if shared {
				build.VBROADCASTSS(strided(atA, aRow, aRow3, i), left)
			} else {
				build.VMOVUPS(strided(atA, aRow, aRow3, i), left)
			}
			for j := range cols {
				build.VFMADD231PS(right[j], left, sums[i][j])
			}
		}
		build.ADDQ(aCol, atA)
		build.ADDQ(bRow, atB)
	})
	outside(func(place operand.Mem, v reg.VecVirtual) { build.VMOVUPS(v, place) })
	for range cols {
		build.ADDQ(operand.Mem{Base: t, Disp: fieldCCol}, c)
		build.ADDQ(bCol, b)
	}
	build.DECQ(n)
	build.JNZ(operand.LabelRef(label("tile")))

	if w.bytes < block {
		build.ADDQ(operand.Imm(uint64(w.bytes)), half)
		build.CMPQ(half, operand.U8(block))
		build.JNE(operand.LabelRef(label("half")))
	}
	finish()
}

// triple returns 3·stride where some row needs it.
func triple(stride reg.Register, rows int) reg.Register {
	if rows < 4 {
		return nil
	}
	r := build.GP64()
	build.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, r)
	return r
}

// strided is the operand at base + i·stride, i ≤ 3.
func strided(base, stride, stride3 reg.Register, i int) operand.Mem {
	switch i {
	case 0:
		return operand.Mem{Base: base}
	case 3:
		return operand.Mem{Base: base, Index: stride3, Scale: 1}
	default:
		return operand.Mem{Base: base, Index: stride, Scale: uint8(i)}
	}
}
