package report

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	_ "gonum.org/v1/plot/vg/vgpdf" // PDF
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG

	"icar/experiment"
)

// Formats are the file formats every figure is saved in.
func Formats() []string { return []string{"svg", "pdf", "png"} }

const (
	panelWidth  = 8 * vg.Centimeter
	panelHeight = 6.4 * vg.Centimeter
	scaleWidth  = 1.7 * vg.Centimeter // of the colour scale beside a heatmap
	margin      = 3 * vg.Millimeter
	titleHeight = 8 * vg.Millimeter
)

// Draw writes a figure in one of Formats.
func Draw(w io.Writer, figure experiment.Figure, format string) error {
	columns := max(1, min(figure.Columns, len(figure.Panels)))
	rows := (len(figure.Panels) + columns - 1) / columns
	width, height := vg.Length(columns)*panelWidth, vg.Length(rows)*panelHeight+titleHeight
	c, err := newCanvas(width, height, format)
	if err != nil {
		return fmt.Errorf("figure %q: %w", figure.Title, err)
	}
	all := draw.New(c)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	heading := titleStyle(10)
	all.FillText(heading, vg.Point{X: width / 2, Y: height - titleHeight/2}, figure.Title)
	for i, p := range figure.Panels {
		left, top := vg.Length(i%columns)*panelWidth, height-titleHeight-vg.Length(i/columns)*panelHeight
		tile := draw.Canvas{Canvas: all.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left + margin, Y: top - panelHeight + margin},
			Max: vg.Point{X: left + panelWidth - margin, Y: top - margin},
		}}
		if err := drawPanel(tile, p); err != nil {
			return fmt.Errorf("figure %q, panel %q: %w", figure.Title, p.Title, err)
		}
	}
	_, err = c.WriteTo(w)
	return err
}

func newCanvas(width, height vg.Length, format string) (vg.CanvasWriterTo, error) {
	if format == "png" {
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(144))}, nil // sharp on dense screens
	}
	return draw.NewFormattedCanvas(width, height, format)
}

func titleStyle(size vg.Length) text.Style {
	style := plot.New().Title.TextStyle
	style.Font.Size = size
	style.XAlign, style.YAlign = text.XCenter, text.YCenter
	return style
}

func drawPanel(c draw.Canvas, panel experiment.Panel) error {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.Text = panel.Title
	p.Title.TextStyle.Font.Size = 9
	p.Title.Padding = 1 * vg.Millimeter
	p.Legend.TextStyle.Font.Size = 7
	p.Legend.Top = true
	p.Legend.ThumbnailWidth = 5 * vg.Millimeter
	style(&p.X, panel.X)
	style(&p.Y, panel.Y)
	switch panel.Kind {
	case experiment.Lines:
		err := addLines(p, panel.Series)
		drawBesideLegend(c, p)
		return err
	case experiment.Heatmap:
		return drawHeatmap(c, p, panel.Matrix)
	}
	return fmt.Errorf("unknown kind %q", panel.Kind)
}

// drawBesideLegend draws the plot with its legend to the right of it, where it
// hides no data.
func drawBesideLegend(c draw.Canvas, p *plot.Plot) {
	widen(&p.X)
	widen(&p.Y)
	legend := p.Legend
	p.Legend = plot.NewLegend()
	width := legend.Rectangle(c).Size().X
	if width > 0 {
		width += margin
	}
	p.Draw(draw.Crop(c, 0, -width, 0, 0))
	legend.Draw(draw.Crop(c, 0, 0, 0, -titleHeight))
}

// widen gives a logarithmic axis of one value, or of none, a range that can be
// drawn; plot would widen it by 1 on both sides, past 0.
func widen(a *plot.Axis) {
	if _, logarithmic := a.Scale.(plot.LogScale); !logarithmic || a.Min < a.Max {
		return
	}
	if a.Min > a.Max { // no value at all
		a.Min, a.Max = 1, 1
	}
	a.Min, a.Max = a.Min/2, a.Max*2
}

func style(a *plot.Axis, axis experiment.Axis) {
	a.Label.Text = axis.Label
	a.Label.TextStyle.Font.Size = 8
	a.Tick.Label.Font.Size = 7
	if axis.Log {
		a.Scale, a.Tick.Marker = plot.LogScale{}, decades{}
	}
}

// points keeps what can be drawn: finite, and positive on a logarithmic axis.
func points(p *plot.Plot, x, y []experiment.Number) plotter.XYs {
	var kept plotter.XYs
	for i := range x {
		if drawable(p.X, float64(x[i])) && drawable(p.Y, float64(y[i])) {
			kept = append(kept, plotter.XY{X: float64(x[i]), Y: float64(y[i])})
		}
	}
	return kept
}

func drawable(a plot.Axis, v float64) bool {
	_, logarithmic := a.Scale.(plot.LogScale)
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (v > 0 || !logarithmic)
}

func addLines(p *plot.Plot, series []experiment.Series) error {
	coloured := 0
	for _, s := range series {
		colour := color.Color(color.Gray{130}) // reference lines without a name are alike
		if s.Style != experiment.Dashed || s.Label != "" {
			colour = Colour(coloured)
			coloured++
		}
		xy := points(p, s.X, s.Y)
		if len(xy) == 0 {
			continue
		}
		l, dots, err := plotter.NewLinePoints(xy)
		if err != nil {
			return err
		}
		l.LineStyle = draw.LineStyle{Color: colour, Width: 1.2}
		dots.GlyphStyle = draw.GlyphStyle{Color: colour, Radius: 1.6, Shape: draw.CircleGlyph{}}
		switch s.Style {
		case experiment.Dashed:
			l.LineStyle.Dashes = []vg.Length{3, 2}
			p.Add(l)
			addLegend(p, s.Label, l)
		case experiment.Points:
			p.Add(dots)
			addLegend(p, s.Label, dots)
		default:
			p.Add(l)
			addLegend(p, s.Label, l)
		}
	}
	return nil
}

func addLegend(p *plot.Plot, label string, thumbnail plot.Thumbnailer) {
	if label != "" {
		p.Legend.Add(label, thumbnail)
	}
}
