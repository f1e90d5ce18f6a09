package report

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"icar/experiment"
)

// Colour is colour i of the Okabe-Ito palette, which people of every colour
// vision tell apart (Wong 2011, doi:10.1038/nmeth.1618).
func Colour(i int) color.Color {
	okabeIto := [...]color.RGBA{
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
		{230, 159, 0, 255}, {86, 180, 233, 255}, {0, 0, 0, 255},
	}
	return okabeIto[i%len(okabeIto)]
}

// grid shows a matrix with row 0 on top.
type grid struct{ *experiment.Matrix }

func (g grid) Dims() (c, r int)   { return g.Columns, g.Rows }
func (g grid) X(c int) float64    { return float64(c) }
func (g grid) Y(r int) float64    { return float64(g.Rows - 1 - r) }
func (g grid) Z(c, r int) float64 { return float64(g.Values[r*g.Columns+c]) }

// limit is the largest finite magnitude, at least tiny: the colours run over
// [-limit, limit] so that white is zero.
func (g grid) limit() float64 {
	limit := math.SmallestNonzeroFloat32
	for _, v := range g.Values {
		if m := math.Abs(float64(v)); !math.IsInf(m, 0) && !math.IsNaN(m) {
			limit = max(limit, m)
		}
	}
	return limit
}

func drawHeatmap(c draw.Canvas, p *plot.Plot, m *experiment.Matrix) error {
	if m == nil || m.Rows < 1 || m.Columns < 1 || len(m.Values) != m.Rows*m.Columns {
		return fmt.Errorf("a heatmap needs a matrix of its stated size")
	}
	g := grid{m}
	colours := moreland.SmoothBlueRed() // diverging, safe for red-green blindness
	colours.SetMin(-g.limit())
	colours.SetMax(g.limit())
	for r := range m.Rows {
		for col := range m.Columns {
			if err := addCell(p, g, col, r, colours); err != nil {
				return err
			}
		}
	}
	p.X.Min, p.X.Max = -0.5, float64(m.Columns)-0.5
	p.Y.Min, p.Y.Max = -0.5, float64(m.Rows)-0.5
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Tick.Marker, p.Y.Tick.Marker = indexTicks(m.Columns, false), indexTicks(m.Rows, true)
	p.Draw(draw.Crop(c, 0, -barWidth, 0, 0))
	drawScale(draw.Crop(c, c.Max.X-c.Min.X-barWidth, 0, 0, 0), colours)
	return nil
}

// addCell draws one entry; what is not finite stays white.
func addCell(p *plot.Plot, g grid, c, r int, colours palette.ColorMap) error {
	z := g.Z(c, r)
	if math.IsNaN(z) || math.IsInf(z, 0) {
		return nil
	}
	fill, err := colours.At(z)
	if err != nil {
		return err
	}
	x, y := g.X(c), g.Y(r)
	cell, err := plotter.NewPolygon(plotter.XYs{{X: x - .5, Y: y - .5}, {X: x + .5, Y: y - .5}, {X: x + .5, Y: y + .5}, {X: x - .5, Y: y + .5}})
	if err != nil {
		return err
	}
	cell.Color = fill
	cell.LineStyle = draw.LineStyle{Color: fill, Width: 0.2} // closes the seams that viewers leave between cells
	p.Add(cell)
	return nil
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

// drawScale draws the colour scale of a heatmap.
func drawScale(c draw.Canvas, colours palette.ColorMap) {
	p := plot.New()
	p.BackgroundColor = color.White
	bar := &plotter.ColorBar{ColorMap: colours, Vertical: true}
	p.Add(bar)
	p.HideX()
	p.Y.Tick.Label.Font.Size = 7
	top := colours.Max()
	p.Y.Tick.Marker = plot.ConstantTicks{
		{Value: -top, Label: fmt.Sprintf("%.2g", -top)}, {Value: 0, Label: "0"}, {Value: top, Label: fmt.Sprintf("%.2g", top)},
	}
	p.Y.Padding = 0
	p.Draw(draw.Crop(c, 2*vg.Millimeter, 0, 8*vg.Millimeter, -6*vg.Millimeter))
}
