package web

import (
	"fmt"

	"icar/figure"
)

// Document is what every part of the page shows: figures under the names of
// their places on the page, a few numbers, and sentences about both.
type Document struct {
	Figures []figure.Figure `json:"figures"`
	Facts   []Fact          `json:"facts"`
	// Words are sentences by the names of their places. What they state of a
	// result was computed with it.
	Words   map[string]string        `json:"words,omitempty"`
	Numbers map[string]figure.Number `json:"numbers,omitempty"` // by name
	Table   *Table                   `json:"table,omitempty"`
	Handles []Handle                 `json:"handles,omitempty"`
}

// Table is a table of text.
type Table struct {
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Handle is a point of a plane that a reader can drag, and the parameters that
// follow it: either its coordinates X and Y, or its Angle and Length about the
// origin.
type Handle struct {
	Figure string `json:"figure"`
	Name   string `json:"name"`
	Means  string `json:"means"` // what dragging does
	At     point  `json:"at"`
	X      string `json:"x,omitempty"`
	Y      string `json:"y,omitempty"`
	Angle  string `json:"angle,omitempty"`
	Length string `json:"length,omitempty"`
}

// point is a place in a plane.
type point [2]float64

func pointOf(z complex128) point { return point{real(z), imag(z)} }

// Fact is a number or a word under a label.
type Fact struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

func (d *Document) figure(name, title, caption string, columns int, panels ...figure.Panel) {
	d.Figures = append(d.Figures, figure.Figure{Name: name, Title: title, Caption: caption,
		Columns: columns, Panels: panels})
}

func (d *Document) fact(label, format string, args ...any) {
	d.Facts = append(d.Facts, Fact{label, fmt.Sprintf(format, args...)})
}

// say puts a sentence in its place.
func (d *Document) say(place, format string, args ...any) {
	if d.Words == nil {
		d.Words = map[string]string{}
	}
	d.Words[place] = fmt.Sprintf(format, args...)
}

// number keeps a number under a name.
func (d *Document) number(name string, x float64) {
	if d.Numbers == nil {
		d.Numbers = map[string]figure.Number{}
	}
	d.Numbers[name] = figure.Number(x)
}

func (d *Document) factNumber(label string, x float64) {
	d.Facts = append(d.Facts, Fact{label, figure.Text(x)})
}

func heatmap(title, x, y string, rows, columns int, cells []float64) figure.Panel {
	return figure.Panel{Kind: figure.Heatmap, Title: title, X: figure.Axis{Label: x},
		Y: figure.Axis{Label: y}, Matrix: figure.NewMatrix(rows, columns, cells)}
}

// lines is a panel of curves; a label that begins with "log " makes its axis
// logarithmic and is shown without it.
func lines(title string, x, y figure.Axis, series ...figure.Series) figure.Panel {
	return figure.Panel{Kind: figure.Lines, Title: title, X: x, Y: y, Series: series}
}

func linear(label string) figure.Axis { return figure.Axis{Label: label} }
func logarithmic(label string) figure.Axis {
	return figure.Axis{Label: label, Log: true}
}

// refusal is an error with the status it is answered with.
type refusal struct {
	status int
	err    error
}

func (r refusal) Error() string { return r.err.Error() }
func (r refusal) Unwrap() error { return r.err }

func refuse(status int, format string, args ...any) error {
	return refusal{status, fmt.Errorf(format, args...)}
}

// bad is the refusal of a request that makes no sense.
func bad(err error) error { return refusal{statusBad, err} }
