package report

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"icar/internal/suggest"
)

// Style is what a figure is drawn for: it decides its width, the sizes of its type
// and its lines. The zero Style is Paper.
type Style string

const (
	// Paper is a figure for print: 3.25 inches wide with panels one below the other,
	// a column of ICML, 6.75 inches, its text width, with panels side by side. Type
	// is of 7 points or more at that size, subscripts three quarters of it.
	Paper Style = "paper"
	// Talk is a figure for slides, 12 inches wide and half of that, with larger type
	// and lines.
	Talk Style = "talk"
)

// Styles are all styles, the usual one first.
func Styles() []Style { return []Style{Paper, Talk} }

// Set implements flag.Value and pflag.Value; the error says which styles there are.
func (s *Style) Set(name string) error {
	var names []string
	for _, known := range Styles() {
		if name == string(known) {
			*s = known
			return nil
		}
		names = append(names, string(known))
	}
	return fmt.Errorf("there is no style %q: %s", name, suggest.Instead(name, names))
}

// String implements flag.Value and pflag.Value.
func (s *Style) String() string { return string(*s) }

// Type implements pflag.Value.
func (*Style) Type() string { return "style" }

// layout are the measures of a style.
type layout struct {
	column, full vg.Length // width of a picture of one panel in a row, and of more
	least        vg.Length // width of a panel, at which panels side by side end
	margin       vg.Length // about a panel

	title, panel, label, tick vg.Length // sizes of type

	line, axis, grid vg.Length // widths of lines
	mark             vg.Length // radius of a mark
	dpi              int       // of a PNG
}

func (s Style) layout() layout {
	if s == Talk {
		return layout{column: 6 * vg.Inch, full: 12 * vg.Inch, least: 3.5 * vg.Inch, margin: 8,
			title: 20, panel: 17, label: 15, tick: 14,
			line: 2.4, axis: 1, grid: 0.6, mark: 4, dpi: 160}
	}
	return layout{column: 3.25 * vg.Inch, full: 6.75 * vg.Inch, least: 2.2 * vg.Inch, margin: 4,
		title: 9, panel: 8, label: 7.5, tick: 7,
		line: 1, axis: 0.5, grid: 0.3, mark: 1.9, dpi: 300}
}

// columns is how many panels stand side by side of those that a figure asks for, and
// how wide each is.
func (l layout) columns(asked, panels int) (columns int, width vg.Length) {
	columns = max(1, min(asked, panels, int(l.full/l.least+1e-9)))
	if columns == 1 {
		return 1, l.column
	}
	return columns, l.full / vg.Length(columns)
}

// height of a panel of a width, without what stands below its axes.
func (l layout) height(width vg.Length) vg.Length { return 0.78 * width }
