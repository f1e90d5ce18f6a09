package report

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"io"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"icar/figure"
	"icar/internal/visible"
)

// Formats are the file formats every figure is saved in.
func Formats() []string { return []string{"svg", "pdf", "png"} }

const (
	panelWidth  = 8 * vg.Centimeter
	panelHeight = 6.2 * vg.Centimeter // without the legend
	margin      = 3 * vg.Millimeter
	titleHeight = 8 * vg.Millimeter
)

// The sizes of text, in points.
const (
	figureSize = 10
	panelSize  = 9
	labelSize  = 8
	tickSize   = 7
)

// Draw writes a figure in one of Formats.
func Draw(w io.Writer, picture figure.Figure, format string) error {
	columns := max(1, min(picture.Columns, len(picture.Panels)))
	var rows [][]drawnPanel
	height := titleHeight
	for i, p := range picture.Panels {
		drawn, err := newPanel(p)
		if err != nil {
			return fmt.Errorf("figure %q, panel %q: %w", picture.Title, p.Title, err)
		}
		if i%columns == 0 {
			rows = append(rows, nil)
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], drawn)
	}
	for _, row := range rows {
		height += panelHeight + legendHeight(row)
	}
	c, err := newCanvas(vg.Length(columns)*panelWidth, height, format)
	if err != nil {
		return fmt.Errorf("figure %q: %w", picture.Title, err)
	}
	all := draw.New(c)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	heading := sans(figureSize)
	heading.XAlign, heading.YAlign = text.XCenter, text.YCenter
	all.FillText(heading, vg.Point{X: all.Max.X / 2, Y: height - titleHeight/2}, picture.Title)
	top := height - titleHeight
	for _, row := range rows {
		bottom := top - panelHeight - legendHeight(row)
		for i, p := range row {
			left := vg.Length(i) * panelWidth
			p.draw(draw.Canvas{Canvas: all.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left + margin, Y: bottom + margin},
				Max: vg.Point{X: left + panelWidth - margin, Y: top - margin},
			}}, legendHeight(row))
		}
		top = bottom
	}
	return write(w, c, format)
}

func newCanvas(width, height vg.Length, format string) (vg.CanvasWriterTo, error) {
	switch format {
	case "svg":
		return vgsvg.New(width, height), nil
	case "pdf":
		return newPDFCanvas(width, height), nil
	case "png": // sharp on dense screens
		return vgimg.PngCanvas{
			Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(144)),
		}, nil
	}
	return nil, fmt.Errorf("unknown format %q: choose one of %v", format, Formats())
}

// write writes a canvas. An SVG names fonts and does not hold them: Arial and
// Helvetica are as wide as Liberation Sans, by which the text was placed. Its
// images fill their box, as in the other formats: left alone, SVG would keep
// their proportions and shrink a colour scale of one column to a hairline.
func write(w io.Writer, c vg.CanvasWriterTo, format string) error {
	if format != "svg" {
		_, err := c.WriteTo(w)
		return err
	}
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	shown := visible.NewWriter(w) // XML is left to escape < and &
	_, err := strings.NewReplacer(
		"font-family:Liberation Sans", "font-family:Liberation Sans,Arial,Helvetica,sans-serif",
		"<svg ", `<svg stroke-linejoin="round" `, // mitred, a noisy curve bristles with spikes
		"<image ", `<image preserveAspectRatio="none" `,
		"data:image/jpg", "data:image/png", // what gonum writes is a PNG
	).WriteString(shown, b.String())
	return errors.Join(err, shown.Flush())
}

// sans is the style of text of a size.
func sans(size vg.Length) text.Style {
	return text.Style{Color: color.Black, Font: font.Font{Typeface: "Liberation", Variant: "Sans",
		Size: size}, Handler: plot.DefaultTextHandler}
}

// drawnPanel is a panel ready to be drawn.
type drawnPanel struct {
	plot  *plot.Plot
	keys  []legendKey
	scale *plot.Plot // the colours of a heatmap, nil for lines
}

func newPanel(panel figure.Panel) (drawnPanel, error) {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.Text = panel.Title
	p.Title.TextStyle.Font = sans(panelSize).Font
	p.Title.Padding = 1 * vg.Millimeter
	style(&p.X, panel.X)
	style(&p.Y, panel.Y)
	drawn := drawnPanel{plot: p}
	var err error
	switch panel.Kind {
	case figure.Lines, figure.Plane:
		drawn.keys, err = addLines(p, panel.Series)
	case figure.Heatmap:
		drawn.scale, err = addHeatmap(p, panel.Matrix)
	default:
		err = fmt.Errorf("unknown kind %q", panel.Kind)
	}
	return drawn, err
}

// draw draws the panel above its legend, which has the given height.
func (d drawnPanel) draw(c draw.Canvas, legend vg.Length) {
	axes := draw.Crop(c, 0, 0, legend, 0)
	if d.scale == nil {
		d.plot.Draw(axes)
		drawLegend(c, d.keys, legend)
		return
	}
	d.plot.Draw(draw.Crop(axes, 0, -scaleWidth, 0, 0))
	d.scale.Draw(draw.Crop(axes, axes.Size().X-scaleWidth+1*vg.Millimeter, 0, 8*vg.Millimeter,
		-6*vg.Millimeter))
}

func style(a *plot.Axis, axis figure.Axis) {
	a.Label.Text = axis.Label
	a.Label.TextStyle.Font = sans(labelSize).Font
	a.Tick.Label.Font = sans(tickSize).Font
	if axis.Log {
		a.Scale, a.Tick.Marker = plot.LogScale{}, decades{}
	}
}
