package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"icar/nn/kernel/constant"
)

// tileField is a number of the description of tiles at t, eight bytes each.
func tileField(t reg.Register, number int) operand.Mem {
	return operand.Mem{Base: t, Disp: 8 * number}
}

// multiply computes tiles of c = a·b side by side along a row: each keeps its
// sums in registers while k runs. With shared, entries of a are plain numbers.
func multiply(w width, name string, shared bool) {
	w.function(name, "c, a, b *float32, t *[10]int",
		"computes the tiles of t, the first of which starts at c, a and b.")
	t := pointer("t")
	shape := build.GP64()
	build.MOVQ(tileField(t, constant.TilesShape), shape)
	for rows := constant.MostRows; rows > 0; rows-- {
		for cols := constant.MostCols; cols > 0; cols-- {
			next := fmt.Sprintf("not%dx%d", rows, cols)
			build.CMPQ(shape, operand.U8(constant.MostCols*(rows-1)+cols-1))
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
	field := func(number int) reg.Register {
		r := build.GP64()
		build.MOVQ(tileField(t, number), r)
		return r
	}
	aRow, aCol := field(constant.TilesARow), field(constant.TilesACol)
	bRow, bCol := field(constant.TilesBRow), field(constant.TilesBCol)
	aRow3 := triple(aRow, rows)
	half := build.GP64()
	build.XORQ(half, half)

	build.Label(label("half"))
	c, a, b, n := pointer("c"), pointer("a"), pointer("b"), field(constant.TilesCount)
	build.ADDQ(half, c)
	build.ADDQ(half, b)
	if !shared {
		build.ADDQ(half, a)
	}
	var sums [constant.MostRows][constant.MostCols]reg.VecVirtual
	for i := range rows {
		for j := range cols {
			sums[i][j] = w.vector()
		}
	}
	// outside runs f on every sum and its place in c.
	outside := func(f func(place operand.Mem, v reg.VecVirtual)) {
		at, row := build.GP64(), field(constant.TilesCRow)
		row3 := triple(row, rows)
		build.MOVQ(c, at)
		for j := range cols {
			for i := range rows {
				f(strided(at, row, row3, i), sums[i][j])
			}
			if j < cols-1 {
				build.ADDQ(tileField(t, constant.TilesCCol), at)
			}
		}
	}

	build.Label(label("tile"))
	build.CMPQ(tileField(t, constant.TilesAdd), operand.U8(0))
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
	atA, atB, k := build.GP64(), build.GP64(), field(constant.TilesK)
	build.MOVQ(a, atA)
	build.MOVQ(b, atB)
	loop(label("k"), k, func() {
		var right [constant.MostCols]reg.VecVirtual
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
		build.ADDQ(tileField(t, constant.TilesCCol), c)
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
