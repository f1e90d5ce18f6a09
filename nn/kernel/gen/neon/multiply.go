package main

import (
	"fmt"

	"icar/nn/kernel/constant"
)

// multiply computes tiles of c = a·b side by side along a row: each keeps its
// sums in registers while k runs. With shared, entries of a are plain numbers.
func multiply(p *program, name string, shared bool) {
	f := p.function(name, "computes the tiles of t, the first of which starts at c, a and b.",
		"c,a,b *float32", "t *[10]int")
	t := f.load("t")
	for rows := constant.MostRows; rows > 0; rows-- {
		for cols := constant.MostCols; cols > 0; cols-- {
			f.label = fmt.Sprintf("%dx%d", rows, cols)
			f.scope(func() {
				f.scope(func() {
					shape := constant.MostCols*(rows-1) + cols - 1
					f.op("CMP $%d, %v", shape, f.field(t, constant.TilesShape))
				})
				f.jump("BNE", "not")
				f.halves(func(offset reg) { tile(f, t, offset, rows, cols, shared) })
				f.op("RET")
				f.at("not")
			})
		}
	}
	f.op("RET")
}

// field loads a number of tiles.
func (f *function) field(t reg, number int) reg {
	r := f.reg()
	f.op("MOVD %d(%v), %v", 8*number, t, r)
	return r
}

// tile is multiply for tiles of one shape and half the lanes.
func tile(f *function, t, offset reg, rows, cols int, shared bool) {
	c, a, b := f.shifted("c", offset), f.load("a"), f.shifted("b", offset)
	if !shared {
		f.op("ADD %v, %v", offset, a)
	}
	cRow, cCol := f.field(t, constant.TilesCRow), f.field(t, constant.TilesCCol)
	aRow, aCol := f.field(t, constant.TilesARow), f.field(t, constant.TilesACol)
	bRow, bCol := f.field(t, constant.TilesBRow), f.field(t, constant.TilesBCol)
	count := f.field(t, constant.TilesCount)
	sums := f.vecs(2 * rows * cols)
	sum := func(i, j int) vec { return sums + vec(2*(i*cols+j)) }
	// outside runs what on every pair of sums, going down the columns of c.
	outside := func(what func(v vec, n int, p, step reg)) {
		f.scope(func() {
			column, at := f.copy(c), f.reg()
			for j := range cols {
				f.op("MOVD %v, %v", column, at)
				for i := range rows {
					what(sum(i, j), 2, at, cRow)
				}
				f.op("ADD %v, %v", cCol, column)
			}
		})
	}
	f.loop("tile", count, func() {
		start(f, t, sums, 2*rows*cols, func() { outside(f.getBy) })
		f.scope(func() {
			lefts, rights := pointers(f, a, aRow, rows), pointers(f, b, bCol, cols)
			left, right := f.vecs(2), f.vecs(2*cols)
			f.loop("k", f.field(t, constant.TilesK), func() {
				for j, p := range rights {
					f.getBy(right+vec(2*j), 2, p, bRow)
				}
				for i, p := range lefts {
					high := vec(1) // the other four lanes have the same number if shared
					if shared {
						f.spreadBy(left, p, aCol)
						high = 0
					} else {
						f.getBy(left, 2, p, aCol)
					}
					for j := range cols {
						f.fma(sum(i, j), right+vec(2*j), left)
						f.fma(sum(i, j)+1, right+vec(2*j)+1, left+high)
					}
				}
			})
		})
		outside(f.putBy)
		for range cols {
			f.op("ADD %v, %v", cCol, c)
			f.op("ADD %v, %v", bCol, b)
		}
	})
}

// start sets n sums to 0, or loads them where the product is to be added.
func start(f *function, t reg, sums vec, n int, load func()) {
	f.scope(func() {
		f.jump(fmt.Sprintf("CBZ %v,", f.field(t, constant.TilesAdd)), "zero")
	})
	load()
	f.jump("B", "start")
	f.at("zero")
	each(n, func(i vec) { f.zero(sums + i) })
	f.at("start")
}

// pointers returns n new pointers, the first to p, a stride apart.
func pointers(f *function, p, stride reg, n int) []reg {
	all := []reg{f.copy(p)}
	for i := 1; i < n; i++ {
		r := f.reg()
		f.op("ADD %v, %v, %v", stride, all[i-1], r)
		all = append(all, r)
	}
	return all
}
