package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
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
	shape := GP64()
	MOVQ(Mem{Base: t, Disp: fieldShape}, shape)
	for rows := mostRows; rows > 0; rows-- {
		for cols := mostCols; cols > 0; cols-- {
			next := fmt.Sprintf("not%dx%d", rows, cols)
			CMPQ(shape, U8(mostCols*(rows-1)+cols-1))
			JNE(LabelRef(next))
			tile(w, t, rows, cols, shared)
			Label(next)
		}
	}
	RET()
}

// tile is multiply for tiles of one shape.
func tile(w width, t reg.Register, rows, cols int, shared bool) {
	label := func(s string) string { return fmt.Sprintf("%s%dx%d", s, rows, cols) }
	field := func(offset int) reg.Register {
		r := GP64()
		MOVQ(Mem{Base: t, Disp: offset}, r)
		return r
	}
	aRow, aCol, bRow, bCol := field(fieldARow), field(fieldACol), field(fieldBRow), field(fieldBCol)
	aRow3 := triple(aRow, rows)
	half := GP64()
	XORQ(half, half)

	Label(label("half"))
	c, a, b, n := pointer("c"), pointer("a"), pointer("b"), field(fieldCount)
	ADDQ(half, c)
	ADDQ(half, b)
	if !shared {
		ADDQ(half, a)
	}
	var sums [mostRows][mostCols]reg.VecVirtual
	for i := range rows {
		for j := range cols {
			sums[i][j] = w.vector()
		}
	}
	// outside runs f on every sum and its place in c.
	outside := func(f func(place Mem, v reg.VecVirtual)) {
		at, row := GP64(), field(fieldCRow)
		row3 := triple(row, rows)
		MOVQ(c, at)
		for j := range cols {
			for i := range rows {
				f(strided(at, row, row3, i), sums[i][j])
			}
			if j < cols-1 {
				ADDQ(Mem{Base: t, Disp: fieldCCol}, at)
			}
		}
	}

	Label(label("tile"))
	CMPQ(Mem{Base: t, Disp: fieldAdd}, U8(0))
	JEQ(LabelRef(label("zero")))
	outside(func(place Mem, v reg.VecVirtual) { VMOVUPS(place, v) })
	JMP(LabelRef(label("start")))
	Label(label("zero"))
	for i := range rows {
		for j := range cols {
			w.zero(sums[i][j])
		}
	}
	Label(label("start"))
	atA, atB, k := GP64(), GP64(), field(fieldK)
	MOVQ(a, atA)
	MOVQ(b, atB)
	loop(label("k"), k, func() {
		var right [mostCols]reg.VecVirtual
		for j := range cols {
			right[j] = w.vector()
			VMOVUPS(strided(atB, bCol, nil, j), right[j])
		}
		for i := range rows {
			left := w.vector()
			if shared {
				VBROADCASTSS(strided(atA, aRow, aRow3, i), left)
			} else {
				VMOVUPS(strided(atA, aRow, aRow3, i), left)
			}
			for j := range cols {
				VFMADD231PS(right[j], left, sums[i][j])
			}
		}
		ADDQ(aCol, atA)
		ADDQ(bRow, atB)
	})
	outside(func(place Mem, v reg.VecVirtual) { VMOVUPS(v, place) })
	for range cols {
		ADDQ(Mem{Base: t, Disp: fieldCCol}, c)
		ADDQ(bCol, b)
	}
	DECQ(n)
	JNZ(LabelRef(label("tile")))

	if w.bytes < block {
		ADDQ(Imm(uint64(w.bytes)), half)
		CMPQ(half, U8(block))
		JNE(LabelRef(label("half")))
	}
	finish()
}

// triple returns 3·stride where some row needs it.
func triple(stride reg.Register, rows int) reg.Register {
	if rows < 4 {
		return nil
	}
	r := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, r)
	return r
}

// strided is the operand at base + i·stride, i ≤ 3.
func strided(base, stride, stride3 reg.Register, i int) Mem {
	switch i {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: stride3, Scale: 1}
	default:
		return Mem{Base: base, Index: stride, Scale: uint8(i)}
	}
}
