package report

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"
)

// sheet is what canvases have in common: their size, and the pens that Push keeps.
type sheet struct {
	width, height vg.Length
	pens          []pen // the last is in use, those before it are pushed
}

// pen is what Push keeps besides the transformation.
type pen struct {
	color  color.Color
	width  vg.Length
	dashes []vg.Length
	offset vg.Length
}

func newSheet(width, height vg.Length) sheet { return sheet{width, height, make([]pen, 1)} }

func (s *sheet) pen() *pen { return &s.pens[len(s.pens)-1] }

func (s *sheet) push() { s.pens = append(s.pens, *s.pen()) }

func (s *sheet) pop() { s.pens = s.pens[:len(s.pens)-1] }

// Size implements vg.CanvasSizer.
func (s *sheet) Size() (width, height vg.Length) { return s.width, s.height }

// SetLineWidth implements vg.Canvas.
func (s *sheet) SetLineWidth(w vg.Length) { s.pen().width = w }

// SetLineDash implements vg.Canvas.
func (s *sheet) SetLineDash(pattern []vg.Length, offset vg.Length) {
	s.pen().dashes, s.pen().offset = slices.Clone(pattern), offset
}

// SetColor implements vg.Canvas; nil is black.
func (s *sheet) SetColor(clr color.Color) {
	if clr == nil {
		clr = color.Black
	}
	s.pen().color = clr
}
