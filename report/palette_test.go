package report

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strings"
	"testing"

	"icar/figure"
)

// Files are drawn in the colours that figure.css gives the page, and figure.js and figure.css
// know as many of them.
func TestPaletteOfPageAndFilesIsOne(t *testing.T) {
	css := string(FigureAssets()["figure.css"])
	light, dark := light(), dark()
	root, night, found := strings.Cut(css, "@media screen and (prefers-color-scheme: dark)")
	if !found || len(light.series) != len(dark.series) {
		t.Fatalf("no dark theme, or one of %d colours beside %d", len(dark.series), len(light.series))
	}
	panel := figure.Panel{Kind: figure.Lines}
	for i := range light.series {
		panel.Series = append(panel.Series, figure.NewSeries("series", figure.Solid,
			[]float64{1, 2}, []float64{float64(i), 0}))
	}
	var drawn bytes.Buffer
	if err := Draw(&drawn, figure.Figure{Panels: []figure.Panel{panel}}, "svg", Paper); err != nil {
		t.Fatal(err)
	}
	for i := range light.series {
		if want := fmt.Sprintf("--s%d: #%06x;", i, light.series[i]); !strings.Contains(root, want) {
			t.Errorf("figure.css lacks %s", want)
		}
		if want := fmt.Sprintf("--s%d: #%06x;", i, dark.series[i]); !strings.Contains(night, want) {
			t.Errorf("figure.css lacks %s in the dark", want)
		}
		if want := fmt.Sprintf(`stroke="#%06x"`, light.series[i]); !strings.Contains(drawn.String(),
			want) {
			t.Errorf("series %d of a file is not %s", i, want)
		}
		want := fmt.Sprintf(".line.s%d { stroke: var(--s%d); }", i, i)
		if !strings.Contains(css, want) {
			t.Errorf("figure.css lacks %s", want)
		}
	}
	want := fmt.Sprintf("export const palette = %d;", len(light.series))
	if !bytes.Contains(FigureAssets()["figure.js"], []byte(want)) {
		t.Errorf("figure.js lacks %s", want)
	}
}

// A heatmap is white at 0, and of the two ends' colours at the limits; halfway it is
// 0.5^0.8 = 0.574 of the way: of 255 to 213, 94 and 0.
func TestShades(t *testing.T) {
	s := shades{light(), 4}
	for v, want := range map[float64]color.NRGBA{
		0: {255, 255, 255, 255}, 4: {0xd5, 0x5e, 0, 255}, -4: {0, 0x72, 0xb2, 255},
		9: {0xd5, 0x5e, 0, 255}, 2: {231, 163, 109, 255},
	} {
		if got := s.Of(v); got != want {
			t.Errorf("%g is %v, want %v", v, got, want)
		}
	}
}

// contrast is that of WCAG 2.2 between two colours.
func contrast(a, b rgb) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c rgb) float64 {
	l := linear(c)
	return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2]
}

// linear undoes the coding of sRGB.
func linear(c rgb) (l [3]float64) {
	for i := range l {
		v := float64(c>>(16-8*i)&0xff) / 255
		if l[i] = v / 12.92; v > 0.04045 {
			l[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return l
}

// White on black is 21:1, and #767676 on white the 4.54:1 of the guidelines' lightest text.
func TestContrast(t *testing.T) {
	if c := contrast(0xffffff, 0); math.Abs(c-21) > 1e-9 {
		t.Errorf("white on black is %g:1", c)
	}
	if c := contrast(0x767676, 0xffffff); math.Abs(c-4.54) > 0.005 {
		t.Errorf("#767676 on white is %g:1", c)
	}
	for name, theme := range map[string]theme{"light": light(), "dark": dark()} {
		for _, ground := range []rgb{theme.paper, theme.panel} {
			for _, text := range []rgb{theme.ink, theme.soft, theme.link, theme.good, theme.bad} {
				if c := contrast(text, ground); c < 4.5 {
					t.Errorf("%s: text #%06x on #%06x is %.2f:1", name, text, ground, c)
				}
			}
			for _, line := range append(theme.series, theme.low, theme.high) {
				if c := contrast(line, ground); c < 3 {
					t.Errorf("%s: a line #%06x on #%06x is %.2f:1", name, line, ground, c)
				}
			}
		}
	}
}

// The colours of two series are 20 or more apart in CIELAB, as all people see them and as
// those without red or green cones do (Machado, Oliveira and Fernandes 2009,
// doi:10.1109/TVCG.2009.113): 2 is what can just be told side by side, and lines are thin.
func TestSeriesAreToldApart(t *testing.T) {
	for name, eye := range map[string][3][3]float64{
		"all cones": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		"no red": {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216},
			{-0.003882, -0.048116, 1.051998}},
		"no green": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413},
			{-0.011820, 0.042940, 0.968881}},
	} {
		for _, theme := range []theme{light(), dark()} {
			for i, a := range theme.series {
				for _, b := range theme.series[:i] {
					p, q := seen(a, eye), seen(b, eye)
					if d := math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2]); d < 20 {
						t.Errorf("%s: #%06x and #%06x are %.1f apart", name, a, b, d)
					}
				}
			}
		}
	}
}

// seen is a colour in CIELAB, under daylight, as an eye sees it.
func seen(c rgb, eye [3][3]float64) [3]float64 {
	l := linear(c)
	var v [3]float64
	for i := range v {
		for j := range l {
			v[i] += eye[i][j] * l[j]
		}
		v[i] = max(0, min(1, v[i]))
	}
	root := func(t float64) float64 {
		if t > 0.008856 {
			return math.Cbrt(t)
		}
		return 7.787*t + 16./116
	}
	x := root((0.4124*v[0] + 0.3576*v[1] + 0.1805*v[2]) / 0.9505)
	y := root(0.2126*v[0] + 0.7152*v[1] + 0.0722*v[2])
	z := root((0.0193*v[0] + 0.1192*v[1] + 0.9505*v[2]) / 1.089)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}
