package report

import (
	"fmt"
	"image/color"
	"math"
	"strings"
)

// theme is the colours of figures and pages on one ground. The two themes are the
// one table of colours that there is: files are drawn in the light one, and
// figure.css gets both as custom properties.
//
// Text has a contrast of 4.5:1 or more against Paper and Panel, series 3:1 (WCAG 2.2,
// 1.4.3 and 1.4.11). The series are as far apart to those who lack one kind of cone
// as nine colours of that contrast were found to be, and each has a mark of its
// own shape besides.
type theme struct {
	ink, paper, line, soft, link, panel rgb
	good, bad                           rgb // a verdict's text
	low, zero, high                     rgb // of heatmaps, at -limit, 0 and limit
	series                              []rgb
}

// rgb is an opaque colour, written as in CSS: 0x1c2430.
type rgb uint32

// RGBA implements color.Color.
func (c rgb) RGBA() (r, g, b, a uint32) {
	return uint32(c>>16&0xff) * 0x101, uint32(c>>8&0xff) * 0x101, uint32(c&0xff) * 0x101, 0xffff
}

func light() theme {
	return theme{
		ink: 0x1c2430, paper: 0xffffff, line: 0xd5dae1, soft: 0x566273, link: 0x0059a3,
		panel: 0xf5f7f9, good: 0x00664a, bad: 0xa33b00,
		low: 0x0072b2, zero: 0xffffff, high: 0xd55e00,
		series: []rgb{0x023dcf, 0xd55e00, 0x009e73, 0xa06fa8, 0x634516, 0x5f7ce2, 0x000000,
			0x6f017a, 0x44403a},
	}
}

func dark() theme {
	return theme{
		ink: 0xe6e9ee, paper: 0x15191f, line: 0x37404c, soft: 0xa3adba, link: 0x7cc0ff,
		panel: 0x1d232b, good: 0x4fd0a4, bad: 0xff9e6b,
		low: 0x4db2f0, zero: 0x15191f, high: 0xff8a3d,
		series: []rgb{0x4c98fe, 0xe9702a, 0x29bc81, 0xcaafc5, 0xdece18, 0xa9bdfe, 0xffffff,
			0xc057ac, 0xd0d275},
	}
}

// Colour is the colour of series i of a figure on white.
func Colour(i int) color.Color {
	series := light().series
	return series[i%len(series)]
}

// properties are the custom properties of a theme: "--ink: #1c2430; …".
func (t theme) properties() string {
	var b strings.Builder
	for _, p := range []struct {
		name string
		rgb
	}{{"ink", t.ink}, {"paper", t.paper}, {"line", t.line}, {"soft", t.soft}, {"link", t.link},
		{"panel", t.panel}, {"good", t.good}, {"bad", t.bad},
		{"low", t.low}, {"zero", t.zero}, {"high", t.high}} {
		fmt.Fprintf(&b, "--%s: #%06x; ", p.name, uint32(p.rgb))
	}
	for i, c := range t.series {
		fmt.Fprintf(&b, "--s%d: #%06x; ", i, uint32(c))
	}
	return strings.TrimSuffix(b.String(), " ")
}

// paletteStyle is the palette as CSS: on paper, and where nothing else is asked for,
// the light theme.
func paletteStyle() string {
	return ":root { color-scheme: light dark; " + light().properties() + " }\n" +
		"@media screen and (prefers-color-scheme: dark) { :root { " + dark().properties() + " } }\n"
}

// shades are the colours of a heatmap of entries in [-limit, limit], from low over
// zero, which is white on paper, to high. The root 0.8 of a magnitude shows small
// entries; figure.js does the same.
type shades struct {
	theme
	limit float64
}

// Of is the colour of an entry.
func (s shades) Of(v float64) color.NRGBA {
	z := math.Max(-1, math.Min(1, v/s.limit))
	end, weight := s.high, math.Pow(math.Abs(z), 0.8)
	if z < 0 {
		end = s.low
	}
	mix := func(shift int) uint8 {
		from, to := float64(s.zero>>shift&0xff), float64(end>>shift&0xff)
		return uint8(math.Round(from + (to-from)*weight))
	}
	return color.NRGBA{mix(16), mix(8), mix(0), 0xff}
}
