package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// mark is the shape of a series' points, so that not colour alone tells them apart:
// the shapes of figure.js.
type mark int

const (
	disc mark = iota
	dot
	square
	triangle
	diamond
	marks // how many there are
)

// markOf is the mark of series i.
func markOf(i int) mark { return mark(i) % marks }

// DrawGlyph implements draw.GlyphDrawer: a shape in a thin outline of white, so that those
// that overlap can be counted.
func (m mark) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	path := m.outline(style.Radius, at)
	c.SetColor(style.Color)
	c.Fill(path)
	c.SetLineStyle(draw.LineStyle{Color: color.White, Width: style.Radius / 5})
	c.Stroke(path)
}

// outline is the path of a mark of a radius about a point.
func (m mark) outline(r vg.Length, at vg.Point) vg.Path {
	var corners []vg.Point
	switch m {
	case square:
		corners = []vg.Point{{X: -r, Y: -r}, {X: r, Y: -r}, {X: r, Y: r}, {X: -r, Y: r}}
	case triangle:
		corners = []vg.Point{{Y: 1.2 * r}, {X: -1.1 * r, Y: -r}, {X: 1.1 * r, Y: -r}}
	case diamond:
		corners = []vg.Point{{Y: 1.3 * r}, {X: -1.3 * r}, {Y: -1.3 * r}, {X: 1.3 * r}}
	default:
		if m == dot {
			r *= 0.75
		}
		const circle = 2 * math.Pi
		var path vg.Path
		path.Move(vg.Point{X: at.X + r, Y: at.Y})
		path.Arc(at, r, 0, circle)
		path.Close()
		return path
	}
	var path vg.Path
	path.Move(at.Add(corners[0]))
	for _, corner := range corners[1:] {
		path.Line(at.Add(corner))
	}
	path.Close()
	return path
}
