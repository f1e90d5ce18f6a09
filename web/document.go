package web

import (
	"fmt"

	"icar/figure"
)

// Document is what every part of the page shows: figures under the names of
// their places on the page, and a few numbers.
type Document struct {
	Figures []figure.Figure `json:"figures"`
	Facts   []Fact          `json:"facts"`
}

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
