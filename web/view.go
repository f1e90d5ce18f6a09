package web

import (
	"fmt"
	"math"
	"strings"
)

// view draws points with show coordinates in the plane: two as they are, three
// as space is seen from an azimuth and an elevation, in radians, without
// perspective.
type view struct {
	show       int
	turn, lift float64
}

// subscripts number the coordinates of space.
var subscripts = []rune("₁₂₃")

// directions are the vectors whose inner products with a point are its place in
// the drawing.
func (v view) directions() (right, up []float64) {
	if v.show == 2 {
		return []float64{1, 0}, []float64{0, 1}
	}
	st, ct := math.Sincos(v.turn)
	sl, cl := math.Sincos(v.lift)
	return []float64{ct, st, 0}, []float64{-sl * st, sl * ct, cl}
}

// project returns the places of points (n, show).
func (v view) project(points []float64) (x, y []float64) {
	right, up := v.directions()
	for i := 0; i < len(points); i += v.show {
		var px, py float64
		for j := range v.show {
			px += right[j] * points[i+j]
			py += up[j] * points[i+j]
		}
		x, y = append(x, px), append(y, py)
	}
	return x, y
}

// axes returns what the axes of the drawing of a sample are.
func (q sample) axes(v view) (x, y string) {
	switch {
	case q.show == 3:
		right, up := v.directions()
		return combination(right), combination(up)
	case q.show < q.d:
		return "real part of the first coordinate", "its imaginary part"
	}
	return "first coordinate", "second coordinate"
}

// combination writes an inner product with (x₁, x₂, x₃) to two digits.
func combination(c []float64) string {
	var b strings.Builder
	for i, v := range c {
		size := math.Round(100*math.Abs(v)) / 100
		if size == 0 {
			continue
		}
		switch {
		case b.Len() == 0 && v < 0:
			b.WriteString("-")
		case v < 0:
			b.WriteString(" - ")
		case b.Len() > 0:
			b.WriteString(" + ")
		}
		if size != 1 {
			fmt.Fprintf(&b, "%.2f ", size)
		}
		fmt.Fprintf(&b, "x%c", subscripts[i])
	}
	return b.String()
}
