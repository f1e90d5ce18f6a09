package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icar/figure"
	"icar/internal/needs"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
)

// press makes pixels of a figure's formats, all in the font its text was
// placed by.
type press struct{ dir string }

func newPress(t *testing.T) press {
	t.Helper()
	needs.Programs(t, "poppler-utils librsvg2-bin", "pdftocairo", "pdftotext", "rsvg-convert")
	p := press{t.TempDir()}
	p.put(t, "LiberationSans-Regular.ttf", liberationsansregular.TTF)
	p.put(t, "fonts.conf", fmt.Appendf(nil,
		"<fontconfig><dir>%s</dir><cachedir>%[1]s/cache</cachedir></fontconfig>", p.dir))
	return p
}

func (p press) put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p press) run(t *testing.T, name string, arguments ...string) []byte {
	t.Helper()
	c := exec.Command(name, arguments...)
	c.Dir, c.Env = p.dir, append(os.Environ(),
		"FONTCONFIG_FILE="+filepath.Join(p.dir, "fonts.conf"))
	output, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v", c.Args, err)
	}
	return output
}

// print returns the pixels of every format, of the PNG's size, and the text of
// the PDF.
func (p press) print(t *testing.T, f figure.Figure, style Style) (map[string]*image.RGBA, string) {
	t.Helper()
	pixels := map[string]*image.RGBA{}
	decode := func(format string, data []byte) {
		picture, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s of %q: %v", format, f.Title, err)
		}
		pixels[format] = image.NewRGBA(picture.Bounds())
		draw.Draw(pixels[format], picture.Bounds(), picture, picture.Bounds().Min, draw.Src)
	}
	for _, format := range []string{"png", "svg", "pdf"} {
		var b bytes.Buffer
		if err := Draw(&b, f, format, style); err != nil {
			t.Fatal(err)
		}
		p.put(t, "figure."+format, b.Bytes())
	}
	drawn, err := os.ReadFile(filepath.Join(p.dir, "figure.png"))
	if err != nil {
		t.Fatal(err)
	}
	decode("png", drawn)
	size := pixels["png"].Bounds().Size()
	width, height := fmt.Sprint(size.X), fmt.Sprint(size.Y)
	decode("svg", p.run(t, "rsvg-convert", "-w", width, "-h", height, "figure.svg"))
	decode("pdf", p.run(t, "pdftocairo", "-png", "-singlefile",
		"-scale-to-x", width, "-scale-to-y", height, "figure.pdf", "-"))
	return pixels, string(p.run(t, "pdftotext", "-raw", "figure.pdf", "-"))
}

// asymmetric is a heatmap no two of whose entries are alike.
func asymmetric() figure.Figure {
	return figure.Figure{Title: "asymmetric", Columns: 1, Panels: []figure.Panel{{
		Kind: figure.Heatmap, Title: "corners",
		Matrix: figure.NewMatrix(2, 3, []float64{1, 0.5, 0.2, -0.3, -0.6, -1}),
	}}}
}

// near tells whether two colours differ by no more than the rounding of a
// channel in drawing and again in making pixels.
func near(a, b color.RGBA) bool {
	far := func(x, y uint8) bool { return max(x, y)-min(x, y) > 2 }
	return !far(a.R, b.R) && !far(a.G, b.G) && !far(a.B, b.B)
}

// where lists the pixels of a colour.
func where(picture *image.RGBA, c color.Color) (at []image.Point) {
	want := color.RGBAModel.Convert(c).(color.RGBA)
	b := picture.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if near(picture.RGBAAt(x, y), want) {
				at = append(at, image.Pt(x, y))
			}
		}
	}
	return at
}

// middle is the median of points in both coordinates.
func middle(points []image.Point) image.Point {
	var x, y []int
	for _, p := range points {
		x, y = append(x, p.X), append(y, p.Y)
	}
	slices.Sort(x)
	slices.Sort(y)
	return image.Pt(x[len(x)/2], y[len(y)/2])
}

// Entry (i, j) of a heatmap stands in row i from the top and column j from the
// left in its colour, and the scale beside it runs from red to blue downwards,
// in every format.
func TestHeatmapsAreTheRightWayUpInEveryFormat(t *testing.T) {
	drawn := asymmetric()
	pictures, _ := newPress(t).print(t, drawn, Paper)
	for format, picture := range pictures {
		var centres []image.Point
		for _, v := range drawn.Panels[0].Matrix.Values {
			points := where(picture, shades{light(), 1}.Of(v))
			if len(points) < 1000 {
				t.Fatalf("%s: %d pixels of the colour of %g", format, len(points), v)
			}
			centres = append(centres, middle(points))
		}
		for i, at := range centres {
			if left := i % 3; left > 0 && at.X-centres[i-1].X < 50 {
				t.Errorf("%s: entry %d at %v is not right of %v", format, i+1, at, centres[i-1])
			}
			if i >= 3 && at.Y-centres[i-3].Y < 50 {
				t.Errorf("%s: entry %d at %v is not below %v", format, i+1, at, centres[i-3])
			}
		}
		checkScale(t, format, picture, centres[5].X)
	}
}

// checkScale looks at the colour scale, which is right of x.
func checkScale(t *testing.T, format string, picture *image.RGBA, x int) {
	t.Helper()
	red, blue := image.Rectangle{}, image.Rectangle{}
	last := picture.Bounds().Max.X
	for at := x + 120; at < last; at++ { // past the heatmap's last column
		for y := range picture.Bounds().Max.Y {
			r, _, b, _ := picture.At(at, y).RGBA()
			pixel := image.Rect(at, y, at+1, y+1)
			switch d := int(r>>8) - int(b>>8); {
			case d > 120:
				red = red.Union(pixel)
			case d < -120:
				blue = blue.Union(pixel)
			}
		}
	}
	if red.Dx() < 20 || blue.Dx() < 20 || red.Max.Y > blue.Min.Y {
		t.Errorf("%s: the scale is red in %v, blue in %v", format, red, blue)
	}
}

// lettered shows the letters of the paper, a band and a legend.
func lettered() figure.Figure {
	x := []float64{1, 2, 3}
	band := figure.NewSeries("loss ℓ(η), λ₁ → ∞", figure.Solid, x, []float64{1, 1, 1}).
		Between([]float64{0, 0, 0}, []float64{2, 2, 2})
	return figure.Figure{Title: "αβγδεζηθκλμνξπρστφχψω ΓΔΘΛΣΦΨΩ", Columns: 1,
		Panels: []figure.Panel{{Kind: figure.Lines, Title: "C = BᵀA, R² ≤ 1 − σ², s_{t-1}",
			X: figure.Axis{Label: "κ · η, λ_t, λ^{T+1}"}, Y: figure.Axis{Label: "|λ₂| ≥ ½"},
			Series: []figure.Series{band,
				figure.NewSeries("θ", figure.Dashed, x, []float64{1.5, 1.7, 1.9})}}}}
}

// A band has the colour of its series, 45 parts in 255 of it over white.
func TestBandsHaveTheirSeriesColour(t *testing.T) {
	r, g, b, _ := Colour(0).RGBA()
	over := func(c uint32) uint8 { return uint8(math.Round(255 + 45./255*(float64(c>>8)-255))) }
	want := color.RGBA{over(r), over(g), over(b), 255}
	pictures, _ := newPress(t).print(t, lettered(), Paper)
	for format, picture := range pictures {
		if n := len(where(picture, want)); n < 20000 {
			t.Errorf("%s: %d pixels of a band are %v", format, n, want)
		}
	}
}

// On a logarithmic axis a band that reaches below 0 ends at a tenth of its line: it is
// drawn, and no wider.
func TestBandsBelowZeroOnALogAxis(t *testing.T) {
	x := []float64{1, 2, 3}
	draw := func(low float64) int {
		drawn := lettered()
		panel := &drawn.Panels[0]
		panel.Y.Log = true
		panel.Series = []figure.Series{figure.NewSeries("", figure.Solid, x, []float64{1, 1, 1}).
			Between([]float64{low, low, low}, []float64{2, 2, 2})}
		r, g, b, _ := Colour(0).RGBA()
		over := func(c uint32) uint8 { return uint8(math.Round(255 + 45./255*(float64(c>>8)-255))) }
		var file bytes.Buffer
		if err := Draw(&file, drawn, "png", Paper); err != nil {
			t.Fatal(err)
		}
		decoded, err := png.Decode(&file)
		if err != nil {
			t.Fatal(err)
		}
		return len(where(decoded.(*image.RGBA), color.RGBA{over(r), over(g), over(b), 255}))
	}
	below, tenth := draw(-1), draw(0.1)
	if below != tenth || below < 20000 {
		t.Errorf("%d pixels of a band that reaches below 0, %d of one that ends at a tenth", below,
			tenth)
	}
}

// figuresToCompare are some of each kind, or those of the output folder of a
// reproduction that ICAR_FIGURES names.
func figuresToCompare(t *testing.T) []figure.Figure {
	t.Helper()
	folder := os.Getenv("ICAR_FIGURES")
	if folder == "" {
		return []figure.Figure{everyKind(), asymmetric(), lettered()}
	}
	entries, err := Load(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	var figures []figure.Figure
	for _, e := range entries {
		figures = append(figures, e.Figures...)
	}
	return figures
}

// The formats of a figure show the same, and its PDF says all of its words, in both styles.
//
// The formats differ in how they round a place and blend an edge. A picture
// moved by a fifth of a pixel along both axes, 0.05 points at 300 pixels an inch, changes the
// mean of a block of b × b pixels by what crosses its four sides, at most 4·b/5 pixels
// of b², each by 255: with b = 32 by 6.4.
func TestFormatsAgree(t *testing.T) {
	const block, bound = 32, 255. * 4 / 5 / 32
	p := newPress(t)
	largest, of := 0.0, ""
	compare := func(drawn figure.Figure, style Style) {
		pictures, words := p.print(t, drawn, style)
		for _, format := range []string{"svg", "pdf"} {
			worst, at := apart(pictures["png"], pictures[format], block)
			if worst > bound {
				t.Errorf("%q for %s: %s and PNG are %.1f apart at %v", drawn.Title, style, format,
					worst, at)
			}
			if worst > largest {
				largest, of = worst, fmt.Sprintf("%q for %s, %s beside PNG", drawn.Title, style, format)
			}
		}
		for _, want := range wordsOf(drawn) {
			if !strings.Contains(strings.Join(strings.Fields(words), ""), want) {
				t.Errorf("%q: its PDF does not say %q:\n%s", drawn.Title, want, words)
			}
		}
	}
	figures := figuresToCompare(t)
	for _, drawn := range figures {
		compare(drawn, Paper)
	}
	compare(lettered(), Talk)
	t.Logf("largest difference of %d figures: %.2f of 255, %s", len(figures)+1, largest, of)
}

// wordsOf are the texts of a figure in horizontal lines, as PDFs say them: without the signs
// of subscripts, and without spaces, which a line may be broken at.
func wordsOf(f figure.Figure) []string {
	texts := []string{f.Title}
	for _, p := range f.Panels {
		texts = append(texts, p.Title, p.X.Label)
		for _, s := range p.Series {
			texts = append(texts, s.Label)
		}
	}
	var words []string
	for _, text := range texts {
		for word := range strings.FieldsSeq(text) {
			said := ""
			for _, p := range pieces(word) {
				said += p.words
			}
			words = append(words, said)
		}
	}
	return words
}

// apart is the largest difference of the means of a channel over a block, and
// the block's corner.
func apart(a, b *image.RGBA, block int) (worst float64, at image.Point) {
	size := a.Bounds().Size()
	for y := 0; y+block <= size.Y; y += block {
		for x := 0; x+block <= size.X; x += block {
			box := image.Rect(x, y, x+block, y+block)
			p, q := meanOf(a, box), meanOf(b, box)
			for channel := range p {
				if d := math.Abs(p[channel] - q[channel]); d > worst {
					worst, at = d, box.Min
				}
			}
		}
	}
	return worst, at
}

func meanOf(picture *image.RGBA, box image.Rectangle) (mean [3]float64) {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			at := picture.PixOffset(x, y)
			for channel := range mean {
				mean[channel] += float64(picture.Pix[at+channel]) / float64(box.Dx()*box.Dy())
			}
		}
	}
	return mean
}
