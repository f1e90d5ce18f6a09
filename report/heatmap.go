package report

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"icar/figure"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// grid is a matrix shown with row 0 on top.
type grid struct{ *figure.Matrix }

// limit is the largest magnitude that is drawn, at least tiny: the colours run over
// [-limit, limit] so that white is zero.
func (g grid) limit() float64 {
	limit := math.SmallestNonzeroFloat32
	for _, v := range g.Values {
		if m := math.Abs(float64(v)); m <= largest { // NaN is not
			limit = max(limit, m)
		}
	}
	return limit
}

// scaleWidth is the width of the colour scale beside a heatmap: of six digits, and a strip.
func (l layout) scaleWidth() vg.Length { return 5.5 * l.tick }

// addHeatmap adds a matrix to a plot and returns the scale of its colours.
func addHeatmap(p *plot.Plot, m *figure.Matrix, l layout) (scale *plot.Plot, err error) {
	if m == nil || m.Rows < 1 || m.Columns < 1 || len(m.Values) != m.Rows*m.Columns {
		return nil, errors.New("a heatmap needs a matrix of its stated size")
	}
	g := grid{m}
	colours := shades{light(), g.limit()}
	p.Add(plotter.NewImage(paint(g, colours), -0.5, -0.5, float64(m.Columns)-0.5,
		float64(m.Rows)-0.5))
	p.X.Min, p.X.Max = -0.5, float64(m.Columns)-0.5
	p.Y.Min, p.Y.Max = -0.5, float64(m.Rows)-0.5
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Tick.Marker, p.Y.Tick.Marker = indexTicks(m.Columns, false), indexTicks(m.Rows, true)
	return colourScale(colours, l), nil
}

// imagePixels is the side of the image of a heatmap: viewers that smooth an image then blur
// its entries' outlines by a thousandth of it.
const imagePixels = 1000

// paint colours the entries; what is not finite, or nearly so, stays transparent. One image
// is a hundredth of the size of as many polygons and has no seams.
func paint(g grid, colours shades) *image.NRGBA {
	cellPixels := max(1, imagePixels/max(g.Rows, g.Columns))
	cells := image.NewNRGBA(image.Rect(0, 0, g.Columns*cellPixels, g.Rows*cellPixels))
	high := cellPixels * cells.Stride // bytes of the pixels of a row of entries
	for row := range g.Rows {
		pixels := cells.Pix[row*high : (row+1)*high]
		for column, v := range g.Values[row*g.Columns : (row+1)*g.Columns] {
			if math.Abs(v) > largest || math.IsNaN(v) {
				continue
			}
			c := colours.Of(v)
			for x := column * cellPixels; x < (column+1)*cellPixels; x++ {
				copy(pixels[4*x:], []byte{c.R, c.G, c.B, c.A})
			}
		}
		for at := cells.Stride; at < high; at += cells.Stride {
			copy(pixels[at:], pixels[:cells.Stride])
		}
	}
	return cells
}

// indexTicks labels rows and columns from 1, at most some eight of them.
func indexTicks(n int, fromTop bool) plot.ConstantTicks {
	every := max(1, (n+4)/8)
	var ticks plot.ConstantTicks
	for i := 0; i < n; i += every {
		at := float64(i)
		if fromTop {
			at = float64(n - 1 - i)
		}
		ticks = append(ticks, plot.Tick{Value: at, Label: fmt.Sprint(i + 1)})
	}
	return ticks
}

// colourScale is the scale of the colours of a heatmap: shades from the limit on top down
// to its negative, in an outline without which those about white had no ends.
func colourScale(colours shades, l layout) *plot.Plot {
	const steps = 101
	strip := image.NewNRGBA(image.Rect(0, 0, 1, steps))
	for i := range steps {
		strip.Set(0, i, colours.Of(colours.limit*(1-2*float64(i)/(steps-1))))
	}
	top := colours.limit
	p := plot.New()
	p.BackgroundColor = color.White
	p.Add(plotter.NewImage(strip, 0, -top, 1, top))
	p.HideX()
	l.style(&p.Y, figure.Axis{})
	p.Y.LineStyle.Width = 0
	p.Y.Tick.Marker = plot.ConstantTicks{
		{Value: -top, Label: fmt.Sprintf("%.2g", -top)}, {Value: 0, Label: "0"},
		{Value: top, Label: fmt.Sprintf("%.2g", top)},
	}
	p.Y.Padding = 0
	p.X.Padding = 0
	return p
}
