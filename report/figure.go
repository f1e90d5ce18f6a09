package report

import _ "embed"

//go:embed figure.js
var figureScript []byte

//go:embed figure.css
var figureRules []byte

// figureStyle is the palette, and what figures look like in it.
func figureStyle() []byte { return append([]byte(paletteStyle()), figureRules...) }

// FigureAssets returns the files that make figures interactive, by name: the
// module figure.js, whose mount(element, figure) shows a figure.Figure,
// and its style figure.css, which holds the palette that files are drawn in too.
func FigureAssets() map[string][]byte {
	return map[string][]byte{"figure.js": figureScript, "figure.css": figureStyle()}
}
