package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"icar/experiment"
)

// addLines adds series to a plot and returns their legend.
func addLines(p *plot.Plot, series []experiment.Series) ([]legendKey, error) {
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{228}, color.Gray{228}
	p.Add(grid)
	var keys []legendKey
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
		if err := addInterval(p, s, colour); err != nil {
			return nil, err
		}
		l, dots, err := plotter.NewLinePoints(xy)
		if err != nil {
			return nil, err
		}
		l.LineStyle = draw.LineStyle{Color: colour, Width: 1.2}
		dots.GlyphStyle = draw.GlyphStyle{Color: colour, Radius: 1.8, Shape: draw.CircleGlyph{}}
		var thumbnail plot.Thumbnailer = l
		switch s.Style {
		case experiment.Dashed:
			l.LineStyle.Dashes = []vg.Length{3, 2}
			p.Add(l)
		case experiment.Points:
			p.Add(dots)
			thumbnail = dots
		default:
			p.Add(l)
		}
		if s.Label != "" {
			keys = append(keys, legendKey{s.Label, thumbnail})
		}
	}
	widen(&p.X)
	widen(&p.Y)
	return keys, nil
}

// addInterval adds what a series is uncertain by: bars at points, a band along
// a line.
func addInterval(p *plot.Plot, s experiment.Series, colour color.Color) error {
	if s.Style == experiment.Points {
		bars := intervals{}
		for i := range s.Low {
			x, y, low, high := s.X[i].Float(), s.Y[i].Float(), s.Low[i].Float(), s.High[i].Float()
			if drawable(p.X, x) && drawable(p.Y, y) && drawable(p.Y, low) && drawable(p.Y, high) {
				bars.XYs = append(bars.XYs, plotter.XY{X: x, Y: y})
				bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{low - y, high - y})
			}
		}
		if len(bars.XYs) == 0 {
			return nil
		}
		b, err := plotter.NewYErrorBars(bars)
		if err != nil {
			return err
		}
		b.LineStyle, b.CapWidth = draw.LineStyle{Color: colour, Width: 0.8}, 4
		p.Add(b)
		return nil
	}
	low, high := points(p, s.X[:len(s.Low)], s.Low), points(p, s.X[:len(s.High)], s.High)
	if len(low) == 0 || len(high) == 0 {
		return nil
	}
	outline := high
	for i := len(low) - 1; i >= 0; i-- {
		outline = append(outline, low[i])
	}
	band, err := plotter.NewPolygon(outline)
	if err != nil {
		return err
	}
	r, g, b, _ := colour.RGBA()
	band.Color, band.LineStyle.Width = color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 45}, 0
	p.Add(band)
	return nil
}

// intervals are points with the ends of their intervals.
type intervals struct {
	plotter.XYs
	plotter.YErrors
}

// points keeps what can be drawn: finite, and positive on a logarithmic axis.
func points(p *plot.Plot, x, y []experiment.Number) plotter.XYs {
	var kept plotter.XYs
	for i := range x {
		if drawable(p.X, x[i].Float()) && drawable(p.Y, y[i].Float()) {
			kept = append(kept, plotter.XY{X: x[i].Float(), Y: y[i].Float()})
		}
	}
	return kept
}

func drawable(a plot.Axis, v float64) bool {
	_, logarithmic := a.Scale.(plot.LogScale)
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (v > 0 || !logarithmic)
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
