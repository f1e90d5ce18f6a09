package report

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// legendKey is a line of a legend: a label and how its series looks.
type legendKey struct {
	label     string
	thumbnail plot.Thumbnailer
}

const (
	thumbnailWidth = 6 * vg.Millimeter
	keyGap         = 1.2 * vg.Millimeter // between a thumbnail and its label
	keySpace       = 3 * vg.Millimeter   // between keys
	keyHeight      = 3.6 * vg.Millimeter
)

// place is where a key stands in a legend: its row from the top, its left end.
type place struct {
	row  int
	left vg.Length
}

// flow sets keys side by side, in as many rows as the panel's width asks for.
func flow(keys []legendKey) (places []place, rows int) {
	room := panelWidth - 2*margin
	var left vg.Length
	for i, k := range keys {
		// an SVG may be shown in a wider font
		width := thumbnailWidth + keyGap + 1.08*sans(tickSize).Width(k.label)
		if i == 0 || left+width > room {
			left = 0
			rows++
		}
		places = append(places, place{rows - 1, left})
		left += width + keySpace
	}
	return places, rows
}

// legendHeight is that of the longest legend of the panels side by side, so
// that their axes are in line.
func legendHeight(row []drawnPanel) vg.Length {
	most := 0
	for _, p := range row {
		_, rows := flow(p.keys)
		most = max(most, rows)
	}
	if most == 0 {
		return 0
	}
	return vg.Length(most)*keyHeight + keySpace
}

// drawLegend draws a legend below the axes, where it hides no data.
func drawLegend(c draw.Canvas, keys []legendKey, height vg.Length) {
	places, _ := flow(keys)
	for i, at := range places {
		left, top := c.Min.X+at.left, c.Min.Y+height-keySpace-vg.Length(at.row)*keyHeight
		keys[i].thumbnail.Thumbnail(&draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left, Y: top - keyHeight},
			Max: vg.Point{X: left + thumbnailWidth, Y: top},
		}})
		style := sans(tickSize)
		style.YAlign = -0.4
		c.FillText(style, vg.Point{X: left + thumbnailWidth + keyGap, Y: top - keyHeight/2},
			keys[i].label)
	}
}
