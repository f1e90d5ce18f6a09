package report

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"icar/figure"
)

// svgOf draws a figure.
func svgOf(t *testing.T, f figure.Figure, style Style) string {
	t.Helper()
	var b bytes.Buffer
	if err := Draw(&b, f, "svg", style); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// numbers are the numbers that a pattern's groups find in a text, a row a match.
func numbers(t *testing.T, pattern, text string) (all [][]float64) {
	t.Helper()
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		var row []float64
		for _, digits := range found[1:] {
			x, err := strconv.ParseFloat(digits, 64)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, x)
		}
		all = append(all, row)
	}
	return all
}

// A figure is as wide as a column of ICML or as its text, 3.25 and 6.75 inches of 72 points,
// and at that size its smallest type is of 7 points; on slides of 14. Liberation Sans
// has 2048 units an em.
func TestTypeIsLegibleAtFinalWidth(t *testing.T) {
	alone := everyKind()
	alone.Columns = 1
	for _, c := range []struct {
		figure.Figure
		style           Style
		width, smallest float64
	}{
		{everyKind(), Paper, 6.75 * 72, 7}, {alone, Paper, 3.25 * 72, 7},
		{everyKind(), Talk, 12 * 72, 14}, {alone, Talk, 6 * 72, 14}, {alone, "", 3.25 * 72, 7},
	} {
		svg := svgOf(t, c.Figure, c.style)
		if w := numbers(t, ` width="([\d.]+)pt"`, svg); len(w) != 1 || w[0][0] != c.width {
			t.Errorf("%s: %v points wide, want %g", c.style, w, c.width)
		}
		sizes := numbers(t, `translate\([^)]*\) scale\(([\d.]+)\)`, svg)
		if len(sizes) < 20 {
			t.Fatalf("%s: %d texts", c.style, len(sizes))
		}
		least := math.Inf(1)
		for _, s := range sizes {
			least = min(least, 2048*s[0])
		}
		if math.Abs(least-c.smallest) > 0.01 {
			t.Errorf("%s: the smallest type is of %.2f points, want %g", c.style, least, c.smallest)
		}
	}
}

// No more panels stand side by side than are wide enough to be read.
func TestPanelsSideBySide(t *testing.T) {
	for _, c := range []struct{ asked, panels, want int }{
		{1, 4, 1}, {2, 4, 2}, {3, 7, 3}, {4, 8, 3}, {3, 1, 1}, {0, 2, 1},
	} {
		if got, _ := Paper.layout().columns(c.asked, c.panels); got != c.want {
			t.Errorf("%d panels, %d in a row asked for: %d, want %d", c.panels, c.asked, got, c.want)
		}
	}
}

func TestStyleIsOneOfThose(t *testing.T) {
	var s Style
	if err := s.Set("talk"); err != nil || s != Talk || s.String() != "talk" {
		t.Errorf("%q, %v", s, err)
	}
	err := s.Set("tlak")
	if err == nil || !strings.Contains(err.Error(), "did you mean talk?") || s != Talk {
		t.Errorf("%q, %v", s, err)
	}
}

// On a plane a unit is as long to the right as upwards: of two points a unit apart on both
// axes.
func TestPlaneHasOneScale(t *testing.T) {
	plane := figure.Figure{Panels: []figure.Panel{{Kind: figure.Plane,
		Series: []figure.Series{figure.NewSeries("", figure.Points, []float64{0, 1},
			[]float64{0, 1})}}}}
	at := numbers(t, `<path d="M([-\d.]+) ([-\d.]+)[^"]*" fill="#023dcf"`, svgOf(t, plane, Paper))
	if len(at) != 2 {
		t.Fatalf("%d marks", len(at))
	}
	right, up := at[1][0]-at[0][0], at[1][1]-at[0][1]
	if math.Abs(right-up) > 0.01 || right < 50 {
		t.Errorf("a unit is %g points to the right and %g up", right, up)
	}
	plane.Panels[0].Kind = figure.Lines
	at = numbers(t, `<path d="M([-\d.]+) ([-\d.]+)[^"]*" fill="#023dcf"`, svgOf(t, plane, Paper))
	if len(at) != 2 || math.Abs(at[1][0]-at[0][0]-(at[1][1]-at[0][1])) < 10 {
		t.Errorf("lines have one scale too: %v", at)
	}
}

// Series differ in the shape of their marks, the sixth is as the first.
func TestMarksDiffer(t *testing.T) {
	var shapes []string
	for i := range 6 {
		shapes = append(shapes, svgPath(markOf(i).outline(2, vg.Point{})))
	}
	if shapes[5] != shapes[0] || len(slices.Compact(slices.Sorted(slices.Values(shapes)))) != 5 {
		t.Errorf("the marks are %q", shapes)
	}
}

// Series take the colours in turn, but for dashed ones without a name, which are all alike.
func TestSeriesTakeColoursInTurn(t *testing.T) {
	x := []float64{1, 2}
	svg := svgOf(t, figure.Figure{Panels: []figure.Panel{{Kind: figure.Lines, Series: []figure.Series{
		figure.NewSeries("", figure.Dashed, x, x), figure.NewSeries("a", figure.Solid, x, x),
		figure.NewSeries("b", figure.Dashed, x, x), figure.NewSeries("", figure.Dashed, x, x),
		figure.NewSeries("", figure.Solid, x, x)}}}}, Paper)
	var got []uint32 // as drawn, then those of the legend
	for _, stroke := range regexp.MustCompile(`stroke="#(\w{6})" stroke-width="1"`).
		FindAllStringSubmatch(svg, -1) {
		colour, err := strconv.ParseUint(stroke[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, uint32(colour))
	}
	s, soft := light().series, uint32(light().soft)
	if want := []uint32{soft, uint32(s[0]), uint32(s[1]), soft, uint32(s[2]), uint32(s[0]),
		uint32(s[1])}; !slices.Equal(got, want) {
		t.Errorf("the lines are %06x, want %06x", got, want)
	}
}

// A faint line is pale, 90 parts in 255, and two thirds as wide as others.
func TestFaintLinesArePale(t *testing.T) {
	svg := svgOf(t, figure.Figure{Panels: []figure.Panel{{Kind: figure.Lines, Series: []figure.Series{
		figure.NewSeries("", figure.Faint, []float64{1, 2}, []float64{1, 2})}}}}, Paper)
	want := fmt.Sprintf(`stroke="#%06x" stroke-opacity="0.3529" stroke-width="0.667"`,
		uint32(light().series[0]))
	if !strings.Contains(svg, want) {
		t.Errorf("no line is %s", want)
	}
}

// Titles of panels side by side end on one line.
func TestTitlesAreAlignedBelow(t *testing.T) {
	var row []drawnPanel
	for _, title := range []string{"one", "two\nlines", ""} {
		p := drawnPanel{plot: plot.New()}
		p.plot.Title.Text = title
		row = append(row, p)
	}
	align(row)
	for i, want := range []string{"\none", "two\nlines", "\n"} {
		if got := row[i].plot.Title.Text; got != want {
			t.Errorf("title %d is %q, want %q", i, got, want)
		}
	}
	l := Paper.layout()
	if high, low := l.rowHeight(row, 100), l.height(100); math.Abs(float64(high-low-l.panel)) > 1e-9 {
		t.Errorf("with a second line a row is %v high, without %v", high, low)
	}
}
