package report

import (
	"image/color"
	"math"
	"slices"

	"icar/figure"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// addLines adds series to a plot and returns their legend.
func addLines(p *plot.Plot, series []figure.Series, l layout) ([]legendKey, error) {
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = light().line, light().line
	grid.Vertical.Width, grid.Horizontal.Width = l.grid, l.grid
	p.Add(grid)
	var keys []legendKey
	coloured := 0
	for _, s := range series {
		colour := color.Color(light().soft) // reference lines without a name are alike
		place := 0
		if s.Style != figure.Dashed || s.Label != "" {
			colour, place = Colour(coloured), coloured
			coloured++
		}
		drawn := unbroken(p, s)
		if len(drawn) == 0 {
			continue
		}
		var thumbnail plot.Thumbnailer
		for _, part := range drawn {
			if err := addInterval(p, part, colour, l); err != nil {
				return nil, err
			}
			line, dots, err := plotter.NewLinePoints(points(part.X, part.Y))
			if err != nil {
				return nil, err
			}
			line.LineStyle = draw.LineStyle{Color: colour, Width: l.line}
			dots.GlyphStyle = draw.GlyphStyle{Color: colour, Radius: l.mark, Shape: markOf(place)}
			thumbnail = line
			switch s.Style {
			case figure.Dashed:
				line.LineStyle.Dashes = []vg.Length{3 * l.line, 2 * l.line}
				p.Add(line)
			case figure.Points:
				p.Add(dots)
				thumbnail = dots
			case figure.Faint:
				faint(line)
				p.Add(line)
			default:
				p.Add(line)
			}
		}
		if s.Label != "" {
			keys = append(keys, legendKey{s.Label, thumbnail})
		}
	}
	for _, a := range []struct {
		*plot.Axis
		of func(figure.Series) figure.Values
	}{
		{&p.X, func(s figure.Series) figure.Values { return s.X }},
		{&p.Y, func(s figure.Series) figure.Values { return s.Y }},
	} {
		if _, logarithmic := a.Scale.(plot.LogScale); !logarithmic {
			a.Tick.Marker = steps{whole: whole(series, a.of)}
		}
		widen(a.Axis)
	}
	return keys, nil
}

// whole tells whether every coordinate of the series that can be drawn is a
// whole number.
func whole(series []figure.Series, of func(figure.Series) figure.Values) bool {
	for _, s := range series {
		for _, n := range of(s) {
			if v := n; v != math.Trunc(v) && !math.IsNaN(v) {
				return false
			}
		}
	}
	return true
}

// addInterval adds what a series is uncertain by: bars at points, a band along
// a line. On a logarithmic axis an interval that reaches 0 or below is drawn down to a
// tenth of its point.
func addInterval(p *plot.Plot, s figure.Series, colour color.Color, l layout) error {
	s.Low = slices.Clone(s.Low)
	for i, low := range s.Low {
		if y := s.Y[i]; low <= 0 && drawable(p.Y, y) && !drawable(p.Y, low) {
			s.Low[i] = y / 10
		}
	}
	for _, part := range runsOf(s, func(i int) bool {
		return len(s.Low) > 0 && drawable(p.Y, s.Low[i]) && drawable(p.Y, s.High[i])
	}) {
		if err := addBand(p, part, colour, l); err != nil {
			return err
		}
	}
	return nil
}

// addBand draws the intervals of a series that has one that can be drawn at
// every point.
func addBand(p *plot.Plot, s figure.Series, colour color.Color, l layout) error {
	low, high := points(s.X, s.Low), points(s.X, s.High)
	if s.Style == figure.Points {
		bars := intervals{XYs: points(s.X, s.Y)}
		for i, at := range bars.XYs {
			bars.YErrors = append(bars.YErrors,
				struct{ Low, High float64 }{low[i].Y - at.Y, high[i].Y - at.Y})
		}
		b, err := plotter.NewYErrorBars(bars)
		if err != nil {
			return err
		}
		b.LineStyle, b.CapWidth = draw.LineStyle{Color: colour, Width: 0.7 * l.line},
			2*l.mark
		p.Add(b)
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
	band.Color, band.LineStyle.Width = color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8),
		45}, 0
	p.Add(band)
	return nil
}

// intervals are points with the ends of their intervals.
type intervals struct {
	plotter.XYs
	plotter.YErrors
}

// points are pairs of coordinates.
func points(x, y figure.Values) plotter.XYs {
	xy := make(plotter.XYs, len(x))
	for i := range x {
		xy[i] = plotter.XY{X: x[i], Y: y[i]}
	}
	return xy
}

// unbroken returns the parts of a series between points that cannot be drawn:
// what is not finite, or not positive on a logarithmic axis.
func unbroken(p *plot.Plot, s figure.Series) []figure.Series {
	return runsOf(s, func(i int) bool { return drawable(p.X, s.X[i]) && drawable(p.Y, s.Y[i]) })
}

// runsOf cuts a series into its longest runs of points that are kept.
func runsOf(s figure.Series, keep func(i int) bool) (all []figure.Series) {
	start := 0
	for i := range len(s.X) + 1 {
		if i < len(s.X) && keep(i) {
			continue
		}
		if start < i {
			part := figure.Series{Style: s.Style, X: s.X[start:i], Y: s.Y[start:i]}
			if len(s.Low) > 0 {
				part.Low, part.High = s.Low[start:i], s.High[start:i]
			}
			all = append(all, part)
		}
		start = i + 1
	}
	return all
}

// largest is the magnitude up to which a number is drawn: the length of an axis
// to it from its negative, and a margin, are finite.
const largest = 1e307

func drawable(a plot.Axis, v float64) bool {
	_, logarithmic := a.Scale.(plot.LogScale)
	return math.Abs(v) <= largest && (v > 0 || !logarithmic) // NaN is not
}

// widen gives an axis of one value, or a logarithmic one of none, a range that
// can be drawn; plot would widen it by 1 on both sides, past 0 of a logarithm,
// and by nothing where 1 is less than a rounding.
func widen(a *plot.Axis) {
	_, logarithmic := a.Scale.(plot.LogScale)
	if !logarithmic {
		if size := math.Abs(a.Max); a.Max-a.Min < 1e-12*size && size <= largest {
			a.Min, a.Max = a.Min-max(1, size/1000), a.Max+max(1, size/1000)
		}
		return
	}
	if a.Min < a.Max*(1-1e-12) {
		return
	}
	if a.Min > a.Max { // no value at all
		a.Min, a.Max = 1, 1
	}
	a.Min, a.Max = a.Min/2, a.Max*2
}
