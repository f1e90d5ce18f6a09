package report

import _ "embed"

//go:embed figure.js
var figureScript []byte

//go:embed figure.css
var figureStyle []byte

// FigureAssets returns the files that make figures interactive, by name: the
// module figure.js, whose mount(element, figure) shows a figure.Figure,
// and its style figure.css, which holds the palette.
func FigureAssets() map[string][]byte {
	return map[string][]byte{"figure.js": figureScript, "figure.css": figureStyle}
}
