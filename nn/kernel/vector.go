//go:build amd64 || arm64

package kernel

import "icar/nn/kernel/constant"

// The Go of the kernels in assembly, the same for all: it cuts a product into
// tiles. What calls the assembly is in vector_amd64.go and vector_arm64.go.

// tiles describes tiles of one shape side by side to multiply.
type tiles [constant.Tiles]int

const bytes = 4 // of a number

// newTiles returns what all the tiles of a product have in common; entries of
// a are unit numbers.
func newTiles(c, a, b Matrix, unit int) tiles {
	return tiles{
		constant.TilesCRow: c.Row * Lanes * bytes, constant.TilesCCol: c.Col * Lanes * bytes,
		constant.TilesARow: a.Row * unit * bytes, constant.TilesACol: a.Col * unit * bytes,
		constant.TilesBRow: b.Row * Lanes * bytes, constant.TilesBCol: b.Col * Lanes * bytes,
	}
}

// blocks returns how many of the inner and of the columns of a product to take
// at a time so that what is read again and again, a block of b and the rows of
// a against it, stays in half of a first-level cache of 32 KiB: 256 entries.
// Where c is wide or a is of plain numbers, whose rows take no room, two tiles
// against as much of the inner as b has room for are faster: c is read and written
// again less often. Blocks do not change the order of a sum.
func blocks(c, a Matrix, unit int) (inner, cols int) {
	const room, least, wide, long = 256, 8, 32, 64
	inner = a.Cols
	if inner > 3*least && (unit == 1 || c.Cols >= wide) {
		return min(inner, long), 2 * constant.MostCols
	}
	if inner > 3*least {
		inner = max(least, room/(min(c.Rows, 2*least)+min(c.Cols, 2*least)))
	}
	return inner, max(1, room/inner/constant.MostCols) * constant.MostCols
}

// Mul implements Kernel.
func (k assembly) Mul(c, a, b Matrix, add bool) {
	if fits(c, a, b, Lanes) {
		k.product(c, a, b, Lanes, add)
	}
}

// MulShared implements Kernel.
func (k assembly) MulShared(c, a, b Matrix, add bool) {
	if fits(c, a, b, 1) {
		k.product(c, a, b, 1, add)
	}
}

// product is Mul with an a of unit numbers an entry.
func (k assembly) product(c, a, b Matrix, unit int, add bool) {
	t := newTiles(c, a, b, unit)
	inner, width := blocks(c, a, unit)
	for n := 0; n < a.Cols; n += inner {
		t[constant.TilesK] = min(inner, a.Cols-n)
		if n > 0 || add {
			t[constant.TilesAdd] = 1
		}
		for from := 0; from < c.Cols; from += width {
			to := min(from+width, c.Cols)
			for i, rows := 0, 0; i < c.Rows; i += rows {
				rows = part(c.Rows-i, constant.MostRows)
				left := &a.Data[(i*a.Row+n*a.Col)*unit]
				for j, cols := from, 0; j < to; j += cols * t[constant.TilesCount] {
					cols, t[constant.TilesCount] = run(to - j)
					t[constant.TilesShape] = constant.MostCols*(rows-1) + cols - 1
					k.tile(&c.Data[(i*c.Row+j*c.Col)*Lanes], left,
						&b.Data[(n*b.Row+j*b.Col)*Lanes], &t, unit)
				}
			}
		}
	}
}

// part is the size of the first of the fewest parts of n, all at most most and
// as even as they can be.
func part(n, most int) int {
	parts := (n + most - 1) / most
	return (n + parts - 1) / parts
}

// run returns the width and number of the tiles that cover the first of n
// columns.
func run(n int) (cols, count int) {
	if n < constant.MostCols {
		return n, 1
	}
	return constant.MostCols, n / constant.MostCols
}

// Sum implements Kernel.
func (k assembly) Sum(dst, src []float32) {
	if n := len(dst); n > 0 {
		_ = src[n*Lanes-1]
		k.sum(&dst[0], &src[0], n)
	}
}
