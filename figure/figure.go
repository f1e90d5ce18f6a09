// Package figure is pictures and tables as plain data: what an experiment or a
// probe has to show, before anybody draws, prints or saves it. It draws nothing
// and imports nothing of the project, so that whoever computes can say what is
// to be seen without linking what draws it: package report makes SVG, PDF and
// PNG, the explorer makes it interactive.
package figure

// Kind is the form of a panel.
type Kind string

const (
	Lines   Kind = "lines"   // Series against X
	Plane   Kind = "plane"   // Lines whose two axes have the same scale
	Heatmap Kind = "heatmap" // Matrix, row 0 on top
)

// Figure is a picture as plain data: the report draws it, the page makes it
// interactive, and its numbers are saved as CSV beside it.
type Figure struct {
	Name    string  `json:"name"` // "" for the experiment's main figure, else a file-name suffix
	Title   string  `json:"title"`
	Caption string  `json:"caption"` // what to see in it, in a sentence or two
	Columns int     `json:"columns"` // panels side by side
	Panels  []Panel `json:"panels"`
}

// Panel is one set of axes.
type Panel struct {
	Kind   Kind     `json:"kind"`
	Title  string   `json:"title"`
	X      Axis     `json:"x"`
	Y      Axis     `json:"y"`
	Series []Series `json:"series,omitempty"` // lines
	Matrix *Matrix  `json:"matrix,omitempty"` // heatmap
}

// Axis is a labelled axis.
type Axis struct {
	Label string `json:"label"`         // with the unit in parentheses where there is one
	Log   bool   `json:"log,omitempty"` // logarithmic
}

// Style of a series.
type Style string

const (
	Solid  Style = ""       // a line
	Dashed Style = "dashed" // a prediction, a reference line
	Points Style = "points" // measurements without a line
	Faint  Style = "faint"  // a pale line, beneath one that is its mean
)

// Series is one curve. Points that are not finite are not drawn.
type Series struct {
	Label string `json:"label"`
	Style Style  `json:"style,omitempty"`
	X     Values `json:"x"`
	Y     Values `json:"y"`
	// Low and High are the ends of intervals about Y, as long as Y or empty.
	Low  Values `json:"low,omitempty"`
	High Values `json:"high,omitempty"`
}

// Matrix is the content of a heatmap, row-major.
type Matrix struct {
	Rows    int    `json:"rows"`
	Columns int    `json:"columns"`
	Values  Values `json:"values"`
}

// Data are the arrays and tables of an experiment, saved as .npy and .csv.
type Data struct {
	Arrays []Array
	Tables []Table
}

// Array is a vector or a row-major matrix, saved as NAME.npy and NAME.csv.
type Array struct {
	Name   string
	Shape  []int // one or two axes
	Values []float64
}

// Table is saved as NAME.csv.
type Table struct {
	Name    string
	Columns []string
	Rows    [][]any // strings, integers, floats
}

// NewSeries returns a solid line through (x_i, y_i).
func NewSeries(label string, style Style, x, y []float64) Series {
	return Series{Label: label, Style: style, X: copied(x), Y: copied(y)}
}

// Between returns s with intervals about its points, which the caption says
// what they are of.
func (s Series) Between(low, high []float64) Series {
	s.Low, s.High = copied(low), copied(high)
	return s
}

// NewMatrix returns a heatmap of row-major values.
func NewMatrix(rows, columns int, values []float64) *Matrix {
	return &Matrix{Rows: rows, Columns: columns, Values: copied(values)}
}

// Positions returns 1, 2, …, n.
func Positions(n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = float64(i + 1)
	}
	return t
}
