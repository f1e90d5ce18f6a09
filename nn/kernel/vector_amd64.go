package kernel

import "golang.org/x/sys/cpu"

//go:generate go run ./gen -out vector_amd64.s -stubs stubs_amd64.go -pkg kernel

// assembly is the kernel in AVX2 with FMA or, if wide, in AVX-512.
type assembly struct{ wide bool }

// vector returns the kernels in assembly that this processor has, the widest
// first.
func vector() []Kernel {
	var list []Kernel
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		if cpu.X86.HasAVX512F {
			list = append(list, assembly{wide: true})
		}
		list = append(list, assembly{})
	}
	return list
}

func (k assembly) Name() string {
	if k.wide {
		return "avx512"
	}
	return "avx2"
}

func (assembly) Arithmetic() string { return "amd64-fma" }

// tiles describes tiles of one shape side by side to multiply, strides in
// bytes. gen knows the order.
type tiles [10]int

const (
	tilesK = iota
	tilesCount
	tilesAdd   // 1 to add to c
	tilesShape // 3(rows-1) + cols-1
	tilesCRow
	tilesCCol
	tilesARow
	tilesACol
	tilesBRow
	tilesBCol
)

const (
	mostRows, mostCols = 4, 3 // of a tile
	bytes              = 4    // of a number
)

// newTiles returns what all the tiles of a product have in common; entries of
// a are unit numbers.
func newTiles(c, a, b Matrix, unit int, add bool) tiles {
	t := tiles{
		tilesK:    a.Cols,
		tilesCRow: c.Row * Lanes * bytes, tilesCCol: c.Col * Lanes * bytes,
		tilesARow: a.Row * unit * bytes, tilesACol: a.Col * unit * bytes,
		tilesBRow: b.Row * Lanes * bytes, tilesBCol: b.Col * Lanes * bytes,
	}
	if add {
		t[tilesAdd] = 1
	}
	return t
}

// Mul implements Kernel.
func (k assembly) Mul(c, a, b Matrix, add bool) {
	if !fits(c, a, b, Lanes) {
		return
	}
	t := newTiles(c, a, b, Lanes, add)
	for i, rows := 0, 0; i < c.Rows; i += rows {
		rows = part(c.Rows-i, mostRows)
		left := &a.Data[i*a.Row*Lanes]
		for j, cols := 0, 0; j < c.Cols; j += cols * t[tilesCount] {
			cols, t[tilesCount] = run(c.Cols - j)
			t[tilesShape] = mostCols*(rows-1) + cols - 1
			sums, right := &c.Data[(i*c.Row+j*c.Col)*Lanes], &b.Data[j*b.Col*Lanes]
			if k.wide {
				multiplyAVX512(sums, left, right, (*[10]int)(&t))
			} else {
				multiplyAVX2(sums, left, right, (*[10]int)(&t))
			}
		}
	}
}

// MulShared implements Kernel.
func (k assembly) MulShared(c, a, b Matrix, add bool) {
	if !fits(c, a, b, 1) {
		return
	}
	t := newTiles(c, a, b, 1, add)
	for i, rows := 0, 0; i < c.Rows; i += rows {
		rows = part(c.Rows-i, mostRows)
		left := &a.Data[i*a.Row]
		for j, cols := 0, 0; j < c.Cols; j += cols * t[tilesCount] {
			cols, t[tilesCount] = run(c.Cols - j)
			t[tilesShape] = mostCols*(rows-1) + cols - 1
			sums, right := &c.Data[(i*c.Row+j*c.Col)*Lanes], &b.Data[j*b.Col*Lanes]
			if k.wide {
				multiplySharedAVX512(sums, left, right, (*[10]int)(&t))
			} else {
				multiplySharedAVX2(sums, left, right, (*[10]int)(&t))
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
	if n < mostCols {
		return n, 1
	}
	return mostCols, n / mostCols
}

// Sum implements Kernel, in AVX2 at both widths.
func (assembly) Sum(dst, src []float32) {
	if n := len(dst); n > 0 {
		_ = src[n*Lanes-1]
		sumAVX2(&dst[0], &src[0], n)
	}
}
