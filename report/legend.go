package report

import (
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// legendKey is a line of a legend: a label and how its series looks.
type legendKey struct {
	label     string
	thumbnail plot.Thumbnailer
}

// key are the measures of a legend.
type key struct {
	thumbnail vg.Length // width
	gap       vg.Length // between a thumbnail and its label
	space     vg.Length // between keys
	height    vg.Length // of a line
}

func (l layout) key() key {
	return key{thumbnail: 2.2 * l.tick, gap: 0.5 * l.tick, space: l.tick, height: 1.4 * l.tick}
}

// place is where a key stands in a legend: its row from the top, its left end, and the lines of
// its label, of which each takes a row.
type place struct {
	row   int
	left  vg.Length
	lines []string
}

// flow sets keys side by side, in as many rows as the width of a legend asks for. A label
// that is wider than a row by itself breaks.
func (l layout) flow(keys []legendKey, room vg.Length) (places []place, rows int) {
	k, letters := l.key(), sans(l.tick)
	var left vg.Length
	used := 0 // rows of the keys side by side
	for i, key := range keys {
		label := wrap(key.label, letters, room-k.thumbnail-k.gap)
		width := k.thumbnail + k.gap + letters.Width(label)
		lines := strings.Split(label, "\n")
		if i == 0 || left+width > room {
			left, rows, used = 0, rows+used, 0
		}
		places = append(places, place{rows, left, lines})
		left += width + k.space
		used = max(used, len(lines))
	}
	return places, rows + used
}

// legendHeight is that of the longest legend of the panels side by side, so
// that their axes are in line.
func (l layout) legendHeight(row []drawnPanel, room vg.Length) vg.Length {
	most := 0
	for _, p := range row {
		_, rows := l.flow(p.keys, room)
		most = max(most, rows)
	}
	if most == 0 {
		return 0
	}
	return vg.Length(most)*l.key().height + l.key().space
}

// drawLegend draws a legend below the axes, where it hides no data.
func (l layout) drawLegend(c draw.Canvas, keys []legendKey, height vg.Length) {
	k, letters := l.key(), sans(l.tick)
	places, _ := l.flow(keys, c.Size().X)
	for i, at := range places {
		left, top := c.Min.X+at.left, c.Min.Y+height-k.space-vg.Length(at.row)*k.height
		keys[i].thumbnail.Thumbnail(&draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left, Y: top - k.height},
			Max: vg.Point{X: left + k.thumbnail, Y: top},
		}})
		letters.YAlign = -0.4
		for n, line := range at.lines {
			c.FillText(letters, vg.Point{X: left + k.thumbnail + k.gap,
				Y: top - (vg.Length(n)+0.5)*k.height}, line)
		}
	}
}
