package report

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"icar/figure"
	"icar/internal/visible"
)

// Formats are the file formats every figure is saved in.
func Formats() []string { return []string{"svg", "pdf", "png"} }

// Draw writes a figure in one of Formats, as the style has it. All formats are the same
// picture: one drawing, on three canvases.
func Draw(w io.Writer, picture figure.Figure, format string, style Style) error {
	l := style.layout()
	columns, width := l.columns(picture.Columns, len(picture.Panels))
	inner := width - 2*l.margin
	var rows [][]drawnPanel
	for i, p := range picture.Panels {
		drawn, err := newPanel(p, l, inner)
		if err != nil {
			return fmt.Errorf("figure %q, panel %q: %w", picture.Title, p.Title, err)
		}
		if i%columns == 0 {
			rows = append(rows, nil)
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], drawn)
	}
	whole := vg.Length(columns) * width
	heading := sans(l.title)
	heading.XAlign, heading.YAlign = text.XCenter, text.YTop
	title := wrap(picture.Title, heading, whole-2*l.margin)
	titleHeight := l.margin + 1.3*l.title*vg.Length(1+strings.Count(title, "\n"))
	height := titleHeight
	for _, row := range rows {
		height += l.rowHeight(row, width)
	}
	c, err := l.newCanvas(whole, height, format, picture.Title)
	if err != nil {
		return fmt.Errorf("figure %q: %w", picture.Title, err)
	}
	all := draw.New(c)
	all.FillText(heading, vg.Point{X: whole / 2, Y: height - l.margin}, title)
	top := height - titleHeight
	for _, row := range rows {
		align(row)
		bottom := top - l.rowHeight(row, width)
		for i, p := range row {
			left := vg.Length(i) * width
			p.draw(draw.Canvas{Canvas: all.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left + l.margin, Y: bottom + l.margin},
				Max: vg.Point{X: left + width - l.margin, Y: top - l.margin},
			}}, l.legendHeight(row, inner))
		}
		top = bottom
	}
	return write(w, c, format)
}

// rowHeight is the height of panels side by side, each of a width, with their legends.
func (l layout) rowHeight(row []drawnPanel, width vg.Length) vg.Length {
	lines := 0
	for _, p := range row {
		lines = max(lines, strings.Count(p.plot.Title.Text, "\n"))
	}
	return l.height(width) + vg.Length(lines)*l.panel + l.legendHeight(row, width-2*l.margin)
}

// align gives the titles of panels side by side as many lines, so that their axes are in line.
func align(row []drawnPanel) {
	most := 0
	for _, p := range row {
		most = max(most, strings.Count(p.plot.Title.Text, "\n"))
	}
	for _, p := range row {
		p.plot.Title.Text = strings.Repeat("\n", most-strings.Count(p.plot.Title.Text, "\n")) +
			p.plot.Title.Text
	}
}

// newCanvas is a white canvas.
func (l layout) newCanvas(width, height vg.Length, format, title string) (vg.CanvasWriterTo,
	error) {
	var c vg.CanvasWriterTo
	switch format {
	case "svg":
		c = newSVGCanvas(width, height, title)
	case "pdf":
		c = newPDFCanvas(width, height)
	case "png": // its pixels begin white, which is cheaper than to blend white over them
		return pngCanvas{vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height),
			vgimg.UseDPI(l.dpi), vgimg.UseBackgroundColor(color.White))}}, nil
	default:
		return nil, fmt.Errorf("unknown format %q: choose one of %v", format, Formats())
	}
	c.SetColor(color.White)
	c.Fill(vg.Rectangle{Max: vg.Point{X: width, Y: height}}.Path())
	return c, nil
}

// write writes a canvas. The words of an SVG, which may be from anywhere, are shown as they
// are: none turns the direction of reading.
func write(w io.Writer, c vg.CanvasWriterTo, format string) error {
	if format != "svg" {
		_, err := c.WriteTo(w)
		return err
	}
	shown := visible.NewWriter(w) // XML is left to escape < and &
	_, err := c.WriteTo(shown)
	return errors.Join(err, shown.Flush())
}

// sans is the style of text of a size.
func sans(size vg.Length) text.Style {
	return text.Style{Color: light().ink,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		Handler: script{text.Plain{Fonts: plot.DefaultTextHandler.Cache()}}}
}

// drawnPanel is a panel ready to be drawn.
type drawnPanel struct {
	plot  *plot.Plot
	keys  []legendKey
	scale *plot.Plot // the colours of a heatmap, nil for lines

	layout layout
	square bool // a unit is as long on both axes
	// y is the label of the vertical axis. gonum makes room for that of a logarithmic axis
	// where it does not stand.
	y string
}

// newPanel prepares a panel that is drawn into a width.
func newPanel(panel figure.Panel, l layout, width vg.Length) (drawnPanel, error) {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.TextStyle.Font, p.Title.TextStyle.Handler = sans(l.panel).Font, sans(l.panel).Handler
	p.Title.TextStyle.Color = light().ink
	p.Title.Padding = 0.3 * l.panel
	p.Title.Text = wrap(panel.Title, sans(l.panel), width)
	l.style(&p.X, panel.X)
	l.style(&p.Y, panel.Y)
	p.X.Label.Text = wrap(panel.X.Label, sans(l.label), 0.8*width)
	drawn := drawnPanel{plot: p, layout: l, square: panel.Kind == figure.Plane,
		y: wrap(panel.Y.Label, sans(l.label), 0.6*width)}
	var err error
	switch panel.Kind {
	case figure.Lines, figure.Plane:
		drawn.keys, err = addLines(p, panel.Series, l)
	case figure.Heatmap:
		drawn.scale, err = addHeatmap(p, panel.Matrix, l)
	default:
		err = fmt.Errorf("unknown kind %q", panel.Kind)
	}
	return drawn, err
}

// draw draws the panel above its legend, which has the given height.
func (d drawnPanel) draw(c draw.Canvas, legend vg.Length) {
	axes := draw.Crop(c, d.upright(), 0, legend, 0)
	if d.scale == nil {
		if d.square {
			d.equal(axes)
		}
		d.plot.Draw(axes)
		d.drawUpright(c, d.plot.DataCanvas(axes))
		d.layout.drawLegend(c, d.keys, legend)
		return
	}
	heat, wide := draw.Crop(axes, 0, -d.layout.scaleWidth(), 0, 0), axes.Size().X
	d.plot.Draw(heat)
	inside := d.plot.DataCanvas(heat)
	d.drawUpright(c, inside)
	beside := draw.Crop(axes, wide-d.layout.scaleWidth()+d.layout.tick, 0,
		inside.Min.Y-axes.Min.Y, inside.Max.Y-axes.Max.Y)
	d.scale.Draw(beside)
	for _, box := range []vg.Rectangle{inside.Rectangle, d.scale.DataCanvas(beside).Rectangle} {
		path := box.Path()
		path.Close()
		c.SetLineStyle(draw.LineStyle{Color: light().soft, Width: d.layout.axis})
		c.Stroke(path)
	}
}

// upright is the width of the label of the vertical axis.
func (d drawnPanel) upright() vg.Length {
	if d.y == "" {
		return 0
	}
	return d.layout.label * (0.9 + 1.1*vg.Length(1+strings.Count(d.y, "\n")))
}

// drawUpright draws the label of the vertical axis at the left of a panel, beside the middle of
// its axes.
func (d drawnPanel) drawUpright(c, axes draw.Canvas) {
	label := sans(d.layout.label)
	label.Rotation, label.XAlign, label.YAlign = math.Pi/2, text.XCenter, text.YTop
	c.FillText(label, vg.Point{X: c.Min.X, Y: (axes.Min.Y + axes.Max.Y) / 2}, d.y)
}

// equal widens one axis so that a unit is as long on both.
func (d drawnPanel) equal(c draw.Canvas) {
	for range 2 { // other ticks may be wider
		size := d.plot.DataCanvas(c).Size()
		x, y := &d.plot.X, &d.plot.Y
		per := max((x.Max-x.Min)/float64(size.X), (y.Max-y.Min)/float64(size.Y))
		for _, side := range []struct {
			*plot.Axis
			long vg.Length
		}{{x, size.X}, {y, size.Y}} {
			middle, half := side.Min+(side.Max-side.Min)/2, per*float64(side.long)/2
			side.Min, side.Max = middle-half, middle+half
		}
	}
}

// style gives an axis its label, its type and its lines.
func (l layout) style(a *plot.Axis, axis figure.Axis) {
	label, tick := sans(l.label), sans(l.tick)
	a.Label.TextStyle.Font, a.Label.TextStyle.Handler = label.Font, label.Handler
	a.Tick.Label.Font, a.Tick.Label.Handler = tick.Font, tick.Handler
	a.Label.TextStyle.Color, a.Tick.Label.Color = label.Color, tick.Color
	a.LineStyle.Width, a.Tick.LineStyle.Width = l.axis, l.axis
	a.LineStyle.Color, a.Tick.LineStyle.Color = light().soft, light().soft
	a.Tick.Length = 0.4 * l.tick
	a.Padding = 0.4 * l.tick
	a.Label.Padding = 0.2 * l.label
	if axis.Log {
		a.Scale, a.Tick.Marker = plot.LogScale{}, decades{}
	}
}
