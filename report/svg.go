package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// svgCanvas draws an SVG. gonum's own names fonts, which a reader may lack, calls a PNG
// a JPEG and keeps the proportions of images, which shrinks a colour scale to a hairline.
// This one draws the outlines of letters. Its words are in its description, which screen
// readers and searches find.
type svgCanvas struct {
	sheet
	title   string
	words   []string                   // of all texts, in the order drawn
	letters map[sfnt.GlyphIndex]string // outlines of those drawn
	body    bytes.Buffer
	groups  []int // that the transformations of each pen have opened
}

func newSVGCanvas(width, height vg.Length, title string) *svgCanvas {
	c := &svgCanvas{sheet: newSheet(width, height), title: title,
		letters: map[sfnt.GlyphIndex]string{}, groups: make([]int, 1)}
	vg.Initialize(c)
	return c
}

// group opens a group with a transformation.
func (c *svgCanvas) group(transform string) {
	fmt.Fprintf(&c.body, "<g transform=\"%s\">\n", transform)
	c.groups[len(c.groups)-1]++
}

// Rotate implements vg.Canvas: by an angle in radians, counterclockwise.
func (c *svgCanvas) Rotate(angle float64) {
	c.group("rotate(" + decimals(angle*180/math.Pi) + ")")
}

// Translate implements vg.Canvas.
func (c *svgCanvas) Translate(by vg.Point) { c.group("translate(" + pair(by) + ")") }

// Scale implements vg.Canvas.
func (c *svgCanvas) Scale(x, y float64) {
	c.group("scale(" + decimals(x) + " " + decimals(y) + ")")
}

// Push implements vg.Canvas.
func (c *svgCanvas) Push() {
	c.push()
	c.groups = append(c.groups, 0)
}

// Pop implements vg.Canvas.
func (c *svgCanvas) Pop() {
	last := len(c.groups) - 1
	c.body.WriteString(strings.Repeat("</g>", c.groups[last]))
	c.groups = c.groups[:last]
	c.pop()
}

// paint is a colour as the attribute of that name, and its opacity where it has one.
func (c *svgCanvas) paint(name string) string {
	p := color.NRGBAModel.Convert(c.pen().color).(color.NRGBA)
	text := fmt.Sprintf(` %s="#%02x%02x%02x"`, name, p.R, p.G, p.B)
	if p.A < math.MaxUint8 {
		text += fmt.Sprintf(` %s-opacity="%.4g"`, name, float64(p.A)/math.MaxUint8)
	}
	return text
}

// Stroke implements vg.Canvas.
func (c *svgCanvas) Stroke(path vg.Path) {
	p := c.pen()
	if p.width <= 0 {
		return
	}
	fmt.Fprintf(&c.body, `<path d="%s" fill="none"%s stroke-width="%s"`, svgPath(path),
		c.paint("stroke"), decimals(p.width.Points()))
	if len(p.dashes) > 0 {
		var dashes []string
		for _, d := range p.dashes {
			dashes = append(dashes, decimals(d.Points()))
		}
		fmt.Fprintf(&c.body, ` stroke-dasharray="%s" stroke-dashoffset="%s"`,
			strings.Join(dashes, " "), decimals(p.offset.Points()))
	}
	c.body.WriteString("/>\n")
}

// Fill implements vg.Canvas.
func (c *svgCanvas) Fill(path vg.Path) {
	fmt.Fprintf(&c.body, "<path d=\"%s\"%s/>\n", svgPath(path), c.paint("fill"))
}

// FillString implements vg.Canvas.
func (c *svgCanvas) FillString(face font.Face, at vg.Point, words string) {
	c.words = append(c.words, words)
	fmt.Fprintf(&c.body, "<g transform=\"translate(%s) scale(%.5g)\"%s>", pair(at),
		unit(face).Points(), c.paint("fill"))
	glyphs(face, words, func(index sfnt.GlyphIndex, letter sfnt.Segments, left float64) {
		if len(letter) == 0 {
			return // a space
		}
		if _, known := c.letters[index]; !known {
			c.letters[index] = letterPath(letter)
		}
		fmt.Fprintf(&c.body, `<use xlink:href="#%s" x="%.0f"/>`, c.letter(index), left)
	})
	c.body.WriteString("</g>\n")
}

// letter is the name of a letter's outline, which no other figure on a page has.
func (c *svgCanvas) letter(index sfnt.GlyphIndex) string {
	h := fnv.New32a()
	_, _ = io.WriteString(h, c.title) // a hash takes everything
	return fmt.Sprintf("g%x-%d", h.Sum32(), index)
}

// letterPath is the data of the outline of a letter in units of the font: whole numbers, from
// point to point, so that letters are short.
func letterPath(letter sfnt.Segments) string {
	var b strings.Builder
	points := [...]int{sfnt.SegmentOpMoveTo: 1, sfnt.SegmentOpLineTo: 1, sfnt.SegmentOpQuadTo: 2,
		sfnt.SegmentOpCubeTo: 3}
	var at, start fixed.Point26_6
	for i, s := range letter {
		if i > 0 && s.Op == sfnt.SegmentOpMoveTo {
			b.WriteByte('z')
			at = start // closing a part leads back to its start
		}
		b.WriteByte("mlqc"[s.Op])
		var p fixed.Point26_6
		for n, q := range s.Args[:points[s.Op]] {
			p = fixed.Point26_6{X: q.X, Y: -q.Y}
			if n > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%d %d", int(p.X-at.X), int(p.Y-at.Y))
		}
		if at = p; s.Op == sfnt.SegmentOpMoveTo {
			start = p
		}
	}
	b.WriteByte('z')
	return b.String()
}

// DrawImage implements vg.Canvas. The image fills its box, as in the other formats.
func (c *svgCanvas) DrawImage(box vg.Rectangle, picture image.Image) {
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return // a buffer takes everything, and the image has a size
	}
	size := box.Size()
	fmt.Fprintf(&c.body, `<image x="%s" y="%s" width="%s" height="%s" preserveAspectRatio="none" `+
		`transform="scale(1 -1)" xlink:href="data:image/png;base64,%s"/>`+"\n",
		decimals(box.Min.X.Points()), decimals(-box.Max.Y.Points()), decimals(size.X.Points()),
		decimals(size.Y.Points()), base64.StdEncoding.EncodeToString(b.Bytes()))
}

// onArc is a point of an arc: its start at 0, its end at 1.
func onArc(a vg.PathComp, along float64) vg.Point {
	sin, cos := math.Sincos(a.Start + along*a.Angle)
	return vg.Point{X: a.Pos.X + a.Radius*vg.Length(cos), Y: a.Pos.Y + a.Radius*vg.Length(sin)}
}

// svgPath is the data of a path. An arc, which is no longer than a circle, is two.
func svgPath(path vg.Path) string {
	var b strings.Builder
	for _, part := range path {
		switch part.Type {
		case vg.MoveComp:
			b.WriteString("M" + pair(part.Pos))
		case vg.LineComp:
			b.WriteString("L" + pair(part.Pos))
		case vg.ArcComp:
			b.WriteString("L" + pair(onArc(part, 0)))
			sweep := 1
			if part.Angle < 0 {
				sweep = 0
			}
			r := decimals(part.Radius.Points())
			for _, along := range []float64{0.5, 1} { // no arc of SVG is a whole circle
				fmt.Fprintf(&b, "A%s %s 0 0 %d %s", r, r, sweep, pair(onArc(part, along)))
			}
		case vg.CurveComp:
			b.WriteString(map[int]string{1: "Q", 2: "C"}[len(part.Control)])
			for _, p := range part.Control {
				b.WriteString(pair(p) + " ")
			}
			b.WriteString(pair(part.Pos))
		case vg.CloseComp:
			b.WriteString("Z")
		}
	}
	return b.String()
}

// decimals writes a number to a thousandth: a point is 1/72 inch, so that is 0.4 µm.
func decimals(x float64) string {
	text := strings.TrimRight(strings.TrimRight(strconv.FormatFloat(x, 'f', 3, 64), "0"), ".")
	if text == "-0" {
		return "0"
	}
	return text
}

func pair(p vg.Point) string { return decimals(p.X.Points()) + " " + decimals(p.Y.Points()) }

// WriteTo implements io.WriterTo.
func (c *svgCanvas) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	width, height := decimals(c.width.Points()), decimals(c.height.Points())
	// Mitred, a noisy curve would bristle with spikes.
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<svg stroke-linejoin="round" width="%[1]spt" height="%[2]spt" viewBox="0 0 %[1]s %[2]s"
	xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
<title>%[3]s</title>
<desc>%[4]s</desc>
<defs>
`, width, height, html.EscapeString(spoken(c.title)), html.EscapeString(strings.Join(c.words, " ")))
	for _, index := range slices.Sorted(maps.Keys(c.letters)) {
		fmt.Fprintf(&b, "<path id=\"%s\" d=\"%s\"/>\n", c.letter(index), c.letters[index])
	}
	fmt.Fprintf(&b, "</defs>\n<g transform=\"matrix(1 0 0 -1 0 %s)\">\n", height)
	b.Write(c.body.Bytes())
	b.WriteString("</g>\n</svg>\n")
	return b.WriteTo(w)
}
