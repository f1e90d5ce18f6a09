package report

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"io"
	"math"
	"time"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// pdfCanvas draws on the one page of a PDF. gonum's own vgpdf writes text in
// the code page 1252, which has no Greek but μ, turns images upside down and
// darkens what is translucent. This one embeds the letters it uses of
// Liberation Sans as Unicode. A PDF counts y upwards as vg does and fpdf
// downwards from the top, so every height passes through down once.
type pdfCanvas struct {
	sheet
	doc *fpdf.Fpdf
}

const pdfFont = "LiberationSans"

func newPDFCanvas(width, height vg.Length) *pdfCanvas {
	doc := fpdf.NewCustom(&fpdf.InitType{
		UnitStr: "pt", Size: fpdf.SizeType{Wd: width.Points(), Ht: height.Points()},
	})
	doc.SetCatalogSort(true) // with a fixed date: the same figure, the same bytes
	doc.SetCreationDate(time.Unix(0, 0).UTC())
	doc.SetModificationDate(time.Unix(0, 0).UTC())
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.SetLineJoinStyle("round") // as in the PNG, without spikes
	doc.AddUTF8FontFromBytes(pdfFont, "", liberationsansregular.TTF)
	doc.AddPage()
	c := &pdfCanvas{newSheet(width, height), doc}
	vg.Initialize(c)
	return c
}

// down is the height as fpdf counts it.
func (c *pdfCanvas) down(y vg.Length) float64 { return (c.height - y).Points() }

// Rotate implements vg.Canvas: by an angle in radians, counterclockwise.
func (c *pdfCanvas) Rotate(angle float64) {
	sin, cos := math.Sincos(angle)
	c.doc.Transform(fpdf.TransformMatrix{A: cos, B: sin, C: -sin, D: cos})
}

// Translate implements vg.Canvas.
func (c *pdfCanvas) Translate(by vg.Point) {
	c.doc.Transform(fpdf.TransformMatrix{A: 1, D: 1, E: by.X.Points(), F: by.Y.Points()})
}

// Scale implements vg.Canvas.
func (c *pdfCanvas) Scale(x, y float64) {
	c.doc.Transform(fpdf.TransformMatrix{A: x, D: y})
}

// Push implements vg.Canvas.
func (c *pdfCanvas) Push() {
	c.push()
	c.doc.TransformBegin()
}

// Pop implements vg.Canvas.
func (c *pdfCanvas) Pop() {
	c.doc.TransformEnd()
	c.pop()
}

// dip writes the pen into the page: its colour is not multiplied by its
// opacity, as color.Color.RGBA would have it.
func (c *pdfCanvas) dip() {
	p := color.NRGBAModel.Convert(c.pen().color).(color.NRGBA)
	r, g, b := int(p.R), int(p.G), int(p.B)
	c.doc.SetFillColor(r, g, b)
	c.doc.SetDrawColor(r, g, b)
	c.doc.SetTextColor(r, g, b)
	c.doc.SetAlpha(float64(p.A)/math.MaxUint8, "Normal")
	c.doc.SetLineWidth(c.pen().width.Points())
	dashes := make([]float64, len(c.pen().dashes))
	for i, d := range c.pen().dashes {
		dashes[i] = d.Points()
	}
	c.doc.SetDashPattern(dashes, c.pen().offset.Points())
}

// Stroke implements vg.Canvas.
func (c *pdfCanvas) Stroke(path vg.Path) {
	if c.pen().width > 0 {
		c.draw(path, "D")
	}
}

// Fill implements vg.Canvas.
func (c *pdfCanvas) Fill(path vg.Path) { c.draw(path, "F") }

func (c *pdfCanvas) draw(path vg.Path, style string) {
	c.dip()
	for _, part := range path {
		x, y := part.Pos.X.Points(), c.down(part.Pos.Y)
		switch part.Type {
		case vg.MoveComp:
			c.doc.MoveTo(x, y)
		case vg.LineComp:
			c.doc.LineTo(x, y)
		case vg.ArcComp:
			c.arc(part)
		case vg.CurveComp: // of two control points, or of one that counts as both in fpdf
			first, last := part.Control[0], part.Control[len(part.Control)-1]
			if len(part.Control) == 1 {
				c.doc.CurveTo(first.X.Points(), c.down(first.Y), x, y)
				continue
			}
			c.doc.CurveBezierCubicTo(first.X.Points(), c.down(first.Y),
				last.X.Points(), c.down(last.Y), x, y)
		case vg.CloseComp:
			c.doc.ClosePath()
		}
	}
	c.doc.DrawPath(style)
}

// arc appends an arc to the path.
func (c *pdfCanvas) arc(a vg.PathComp) {
	first, curves := curvesOf(a)
	c.doc.LineTo(first.X.Points(), c.down(first.Y))
	for _, p := range curves {
		c.doc.CurveBezierCubicTo(p[0].X.Points(), c.down(p[0].Y), p[1].X.Points(), c.down(p[1].Y),
			p[2].X.Points(), c.down(p[2].Y))
	}
}

// curvesOf returns where an arc begins and the cubic curves that it is drawn as, two
// control points and an end each: of at most an eighth of a circle, which leave it by less
// than 5e-6 of its radius.
func curvesOf(a vg.PathComp) (first vg.Point, curves [][3]vg.Point) {
	pieces := max(1, int(math.Ceil(math.Abs(a.Angle)/(math.Pi/4))))
	step := a.Angle / float64(pieces)
	reach := 4. / 3 * math.Tan(step/4) // of the control points along the tangent
	at := func(angle, along float64) vg.Point {
		sin, cos := math.Sincos(angle)
		return vg.Point{X: a.Pos.X + a.Radius*vg.Length(cos-along*sin),
			Y: a.Pos.Y + a.Radius*vg.Length(sin+along*cos)}
	}
	for i := range pieces {
		from := a.Start + float64(i)*step
		curves = append(curves, [3]vg.Point{at(from, reach), at(from+step, -reach),
			at(from+step, 0)})
	}
	return at(a.Start, 0), curves
}

// FillString implements vg.Canvas.
func (c *pdfCanvas) FillString(face font.Face, at vg.Point, text string) {
	c.dip()
	c.doc.SetFont(pdfFont, "", face.Font.Size.Points())
	c.doc.Text(at.X.Points(), c.down(at.Y), text)
}

// DrawImage implements vg.Canvas: as rectangles, which have the same bytes each time and sharp
// edges at any size. Images here are of heatmaps, whose entries are rectangles.
func (c *pdfCanvas) DrawImage(box vg.Rectangle, picture image.Image) {
	from := picture.Bounds()
	pixels := image.NewNRGBA(image.Rect(0, 0, from.Dx(), from.Dy()))
	draw.Draw(pixels, pixels.Rect, picture, from.Min, draw.Src)
	wide, high := box.Size().X/vg.Length(from.Dx()), box.Size().Y/vg.Length(from.Dy())
	// Where two rectangles meet viewers blend both with what is below them, a pale seam: so
	// each reaches under those right of it and below it, which are drawn after it.
	const under = 0.2 * vg.Millimeter
	for _, r := range rectangles(pixels) {
		right, down := vg.Length(r.Max.X)*wide, vg.Length(r.Max.Y)*high
		if opaque(pixels, image.Rect(r.Max.X, r.Min.Y, r.Max.X+1, r.Max.Y)) {
			right = min(right+under, box.Size().X)
		}
		if opaque(pixels, image.Rect(r.Min.X, r.Max.Y, r.Max.X, r.Max.Y+1)) {
			down = min(down+under, box.Size().Y)
		}
		c.SetColor(pixels.NRGBAAt(r.Min.X, r.Min.Y))
		c.Fill(vg.Rectangle{
			Min: vg.Point{X: box.Min.X + vg.Length(r.Min.X)*wide, Y: box.Max.Y - down},
			Max: vg.Point{X: box.Min.X + right, Y: box.Max.Y - vg.Length(r.Min.Y)*high},
		}.Path())
	}
}

// rectangles cut what is visible of a picture into rectangles of one colour, row by row: rows
// that are alike are one.
func rectangles(p *image.NRGBA) (all []image.Rectangle) {
	size := p.Rect.Size()
	row := func(y int) []byte { return p.Pix[y*p.Stride : y*p.Stride+4*size.X] }
	for top := 0; top < size.Y; {
		bottom := top + 1
		for bottom < size.Y && bytes.Equal(row(top), row(bottom)) {
			bottom++
		}
		for left := 0; left < size.X; {
			right := left + 1
			for right < size.X && p.NRGBAAt(left, top) == p.NRGBAAt(right, top) {
				right++
			}
			if p.NRGBAAt(left, top).A > 0 {
				all = append(all, image.Rect(left, top, right, bottom))
			}
			left = right
		}
		top = bottom
	}
	return all
}

// opaque tells whether a part of a picture lies in it and is visible everywhere.
func opaque(p *image.NRGBA, part image.Rectangle) bool {
	if !part.In(p.Rect) {
		return false
	}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			if p.NRGBAAt(x, y).A == 0 {
				return false
			}
		}
	}
	return true
}

// WriteTo implements io.WriterTo; nothing can be drawn afterwards.
func (c *pdfCanvas) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	if err := c.doc.Output(&b); err != nil {
		return 0, err
	}
	return b.WriteTo(w)
}
