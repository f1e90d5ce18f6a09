package report

import (
	"image/color"

	"gonum.org/v1/plot/plotter"
)

// faint makes a line thin and pale: it stands beneath another one that is its mean.
func faint(l *plotter.Line) {
	r, g, b, _ := l.Color.RGBA()
	l.Color = color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 90}
	l.Width *= 2. / 3
}
