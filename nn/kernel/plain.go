package kernel

// plain is the kernel in Go. Its products are rounded before they are added,
// on every architecture: the conversions keep the compiler from fusing.
type plain struct{}

func (plain) Name() string       { return "go" }
func (plain) Arithmetic() string { return "go" }

// Mul implements Kernel.
func (plain) Mul(c, a, b Matrix, add bool) {
	if fits(c, a, b, Lanes) {
		product(c, a, b, Lanes, add)
	}
}

// MulShared implements Kernel.
func (plain) MulShared(c, a, b Matrix, add bool) {
	if fits(c, a, b, 1) {
		product(c, a, b, 1, add)
	}
}

// product is c = a·b in tiles of two rows by four or two columns, whose sums
// stay in registers while k runs; entries of a are unit numbers.
func product(c, a, b Matrix, unit int, add bool) {
	for i := 0; i < c.Rows; i += 2 {
		j := 0
		for ; j+4 <= c.Cols; j += 4 {
			wideTile(c, a, b, i, j, unit, add)
		}
		for ; j < c.Cols; j += 2 {
			tile(c, a, b, i, j, unit, add)
		}
	}
}

// fits checks the shapes of c = a·b, entries of a being unit numbers, and
// returns whether there is anything to do.
func fits(c, a, b Matrix, unit int) bool {
	if c.Rows != a.Rows || c.Cols != b.Cols || a.Cols != b.Rows {
		panic("kernel: shapes of a product do not fit")
	}
	if c.Rows == 0 || c.Cols == 0 || a.Cols == 0 {
		return false
	}
	c.check(Lanes)
	a.check(unit)
	b.check(Lanes)
	return true
}

// tile computes rows i, i+1 and columns j, j+1 of c = a·b; where the last row
// or column has no neighbour it is its own.
func tile(c, a, b Matrix, i, j, unit int, add bool) {
	down, right := min(1, c.Rows-1-i), min(1, c.Cols-1-j)
	a0, a1 := a.Data[i*a.Row*unit:], a.Data[(i+down)*a.Row*unit:]
	b0, b1 := b.Data[j*b.Col*Lanes:], b.Data[(j+right)*b.Col*Lanes:]
	c00, c01 := c.Data[(i*c.Row+j*c.Col)*Lanes:], c.Data[(i*c.Row+(j+right)*c.Col)*Lanes:]
	c10 := c.Data[((i+down)*c.Row+j*c.Col)*Lanes:]
	c11 := c.Data[((i+down)*c.Row+(j+right)*c.Col)*Lanes:]
	lane := min(unit-1, 1) // numbers of a from one lane to the next
	aStep, bStep := a.Col*unit, b.Row*Lanes
	for l := range Lanes {
		var s00, s01, s10, s11 float32
		if add {
			s00, s01, s10, s11 = c00[l], c01[l], c10[l], c11[l]
		}
		ia, ib := l*lane, l
		for range a.Cols {
			x0, x1, y0, y1 := a0[ia], a1[ia], b0[ib], b1[ib]
			s00 += float32(x0 * y0)
			s01 += float32(x0 * y1)
			s10 += float32(x1 * y0)
			s11 += float32(x1 * y1)
			ia += aStep
			ib += bStep
		}
		c11[l], c10[l], c01[l], c00[l] = s11, s10, s01, s00
	}
}

// wideTile computes rows i, i+1 and columns j to j+3 of c = a·b; where the last
// row has no neighbour it is its own.
func wideTile(c, a, b Matrix, i, j, unit int, add bool) {
	down := min(1, c.Rows-1-i)
	a0, a1 := a.Data[i*a.Row*unit:], a.Data[(i+down)*a.Row*unit:]
	from, next := b.Data[j*b.Col*Lanes:], b.Col*Lanes
	b0, b1, b2, b3 := from, from[next:], from[2*next:], from[3*next:]
	lane := min(unit-1, 1) // numbers of a from one lane to the next
	aStep, bStep := a.Col*unit, b.Row*Lanes
	at, below, right := (i*c.Row+j*c.Col)*Lanes, down*c.Row*Lanes, c.Col*Lanes
	for l := range Lanes {
		var s [2][4]float32
		if add {
			for k := range 4 {
				s[0][k], s[1][k] = c.Data[at+k*right+l], c.Data[at+below+k*right+l]
			}
		}
		s00, s01, s02, s03 := s[0][0], s[0][1], s[0][2], s[0][3]
		s10, s11, s12, s13 := s[1][0], s[1][1], s[1][2], s[1][3]
		ia, ib := l*lane, l
		for range a.Cols {
			x0, x1, y0, y1, y2, y3 := a0[ia], a1[ia], b0[ib], b1[ib], b2[ib], b3[ib]
			s00 += float32(x0 * y0)
			s01 += float32(x0 * y1)
			s02 += float32(x0 * y2)
			s03 += float32(x0 * y3)
			s10 += float32(x1 * y0)
			s11 += float32(x1 * y1)
			s12 += float32(x1 * y2)
			s13 += float32(x1 * y3)
			ia += aStep
			ib += bStep
		}
		s = [2][4]float32{{s00, s01, s02, s03}, {s10, s11, s12, s13}}
		for k := range 4 {
			c.Data[at+below+k*right+l] = s[1][k]
			c.Data[at+k*right+l] = s[0][k]
		}
	}
}

// Sum implements Kernel. The lanes are added as a tree, neighbours at distance
// 8 first, as vector registers do it.
func (plain) Sum(dst, src []float32) {
	for i := range dst {
		v := src[i*Lanes:][:Lanes]
		var f [Lanes / 2]float32
		for l := range f {
			f[l] = v[l] + v[l+Lanes/2]
		}
		dst[i] += ((f[0] + f[1]) + (f[2] + f[3])) + ((f[4] + f[5]) + (f[6] + f[7]))
	}
}

// Add implements Kernel.
func (plain) Add(dst, a, b Matrix) {
	for i := range dst.Rows {
		sum, x := dst.row(i), a.row(i)
		for j := range dst.Cols {
			for l, v := range b.Data[(i*b.Row+j*b.Col)*Lanes:][:Lanes] {
				sum[j*Lanes+l] = x[j*Lanes+l] + v
			}
		}
	}
}

// Relu implements Kernel.
func (plain) Relu(x Matrix) {
	for i := range x.Rows {
		for l, v := range x.row(i) {
			if v < 0 {
				x.row(i)[l] = 0
			}
		}
	}
}

// ReluBackward implements Kernel.
func (plain) ReluBackward(dx, y Matrix) {
	for i := range dx.Rows {
		for l, v := range y.row(i) {
			if v == 0 {
				dx.row(i)[l] = 0
			}
		}
	}
}
