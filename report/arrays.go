package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode"

	"icar/figure"
	"icar/internal/npy"
	"icar/run"
)

// ArraysFile holds the numbers behind the figures of a page.
const ArraysFile = "figures.npz"

// SaveArrays writes the numbers behind figures to [ArraysFile] of a folder: every
// series is the arrays FIGURE.PANEL.SERIES.x and .y, with .low and .high where it has
// intervals, every heatmap the array FIGURE.PANEL. Names are in small letters and
// digits; of two that come out alike the later one has -2 behind it. The error is the
// disk's.
func SaveArrays(folder string, figures []figure.Figure) error {
	var all []npy.Array
	taken := map[string]int{}
	for _, f := range figures {
		for _, p := range f.Panels {
			place := word(f.Name) + "." + word(p.Title)
			if m := p.Matrix; m != nil {
				all = append(all, npy.Array{Name: free(taken, place), Shape: []int{m.Rows, m.Columns},
					Data: m.Values})
			}
			for _, s := range p.Series {
				name := free(taken, place+"."+word(s.Label))
				for _, part := range []struct {
					name   string
					values figure.Values
				}{{".x", s.X}, {".y", s.Y}, {".low", s.Low}, {".high", s.High}} {
					if len(part.values) > 0 {
						all = append(all, npy.Array{Name: name + part.name,
							Shape: []int{len(part.values)}, Data: part.values})
					}
				}
			}
		}
	}
	return run.WriteFile(filepath.Join(folder, ArraysFile),
		func(w io.Writer) error { return npy.WriteArchive(w, all) })
}

// free returns a name that nobody has.
func free(taken map[string]int, name string) string {
	taken[name]++
	if n := taken[name]; n > 1 {
		return free(taken, fmt.Sprintf("%s-%d", name, n))
	}
	return name
}

// word writes text in small letters and digits of any script, what is between them as
// dashes: a name that every archiver takes.
func word(text string) string {
	parts := strings.FieldsFunc(strings.ToLower(text),
		func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return strings.Join(parts, "-")
}
