package report

import (
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	gonumfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// A figure is the same picture wherever it is seen: a machine that lacks its font shows
// another one in its place, wider or narrower. So PNG and SVG draw the outlines of
// letters, and only a PDF, which holds its font, writes text.

// glyphs walks over the letters of a text: draw gets the outline of each in units of the
// font, y downwards, and where it begins. It returns the width of all. A letter that the font
// lacks is its box.
func glyphs(face gonumfont.Face, words string,
	draw func(index sfnt.GlyphIndex, letter sfnt.Segments, left float64)) float64 {
	var buffer sfnt.Buffer
	em := fixed.Int26_6(face.Face.UnitsPerEm()) // at this size a unit is a unit
	at := 0.
	for _, letter := range words {
		index, err := face.Face.GlyphIndex(&buffer, letter)
		if err != nil {
			continue // the font is ours: it is whole
		}
		if draw != nil {
			if outline, err := face.Face.LoadGlyph(&buffer, index, em, nil); err == nil {
				draw(index, outline, at)
			}
		}
		if width, err := face.Face.GlyphAdvance(&buffer, index, em, font.HintingNone); err == nil {
			at += float64(width)
		}
	}
	return at
}

// unit is the length of a unit of a font.
func unit(face gonumfont.Face) vg.Length {
	return face.Font.Size / vg.Length(face.Face.UnitsPerEm())
}

// advance is the width of a text in one face.
func advance(face gonumfont.Face, words string) vg.Length {
	return vg.Length(glyphs(face, words, nil)) * unit(face)
}

// outline is the path of a text that begins at a point.
func outline(face gonumfont.Face, at vg.Point, words string) (path vg.Path) {
	size := unit(face)
	glyphs(face, words, func(_ sfnt.GlyphIndex, letter sfnt.Segments, left float64) {
		place := func(p fixed.Point26_6) vg.Point {
			return vg.Point{X: at.X + vg.Length(left+float64(p.X))*size,
				Y: at.Y - vg.Length(p.Y)*size}
		}
		for i, s := range letter {
			if i > 0 && s.Op == sfnt.SegmentOpMoveTo {
				path.Close()
			}
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				path.Move(place(s.Args[0]))
			case sfnt.SegmentOpLineTo:
				path.Line(place(s.Args[0]))
			case sfnt.SegmentOpQuadTo:
				path.QuadTo(place(s.Args[0]), place(s.Args[1]))
			case sfnt.SegmentOpCubeTo:
				path.CubeTo(place(s.Args[0]), place(s.Args[1]), place(s.Args[2]))
			}
		}
		if len(letter) > 0 {
			path.Close()
		}
	})
	return path
}

// pngCanvas is gonum's, whose letters are outlines.
type pngCanvas struct{ vgimg.PngCanvas }

// FillString implements vg.Canvas.
func (c pngCanvas) FillString(face gonumfont.Face, at vg.Point, words string) {
	c.Fill(outline(face, at, words))
}

// turned is a point turned about the origin by an angle in radians.
func turned(p vg.Point, angle float64) vg.Point {
	sin, cos := math.Sincos(angle)
	return vg.Point{X: p.X*vg.Length(cos) - p.Y*vg.Length(sin),
		Y: p.X*vg.Length(sin) + p.Y*vg.Length(cos)}
}
