package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"icar/figure"
	"icar/internal/npy"
	"icar/outcome"
	"icar/run"
)

// Names of the files of an output folder.
const (
	ResultFile = "result.json"  // in an experiment's folder: outcome.Outcome
	CostFile   = "timings.json" // in an experiment's folder: outcome.Cost
	ClaimsFile = outcome.ClaimsFile
	PageFile   = "report.html"
	dataFolder = "data"
	figureStem = "figure"
)

// Save writes the folder of one experiment below out, whole or not at all. An
// earlier result of the same experiment is replaced; a folder of that name
// that holds anything else is left alone and is an error.
func Save(out string, o outcome.Outcome, cost outcome.Cost, style Style) error {
	dir := filepath.Join(out, o.Name)
	if err := ours(dir); err != nil {
		return err
	}
	return run.WriteFolder(dir, func(dir string) error {
		data := filepath.Join(dir, dataFolder)
		if err := os.Mkdir(data, 0o777); err != nil {
			return err
		}
		return errors.Join(
			saveData(data, o.Data), SaveFigures(dir, o.Figures, style), saveNumbers(data, o.Figures),
			WriteJSON(filepath.Join(dir, CostFile), cost),
			writeOutcome(filepath.Join(dir, ResultFile), o),
		)
	})
}

// ours returns an error when dir holds, or is, anything that Save did not write.
func ours(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s is in the way: %w; choose another --out", dir, err)
	}
	for _, e := range entries {
		name := e.Name()
		if name != ResultFile && name != CostFile && name != dataFolder &&
			!strings.HasPrefix(name, figureStem) {
			return fmt.Errorf("%s is not an experiment's folder: it holds %s; choose another --out",
				dir, name)
		}
	}
	return nil
}

// WriteJSON writes an indented document, whole or not at all.
func WriteJSON(path string, document any) error {
	text, err := indented(document)
	if err != nil {
		return err
	}
	return run.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// indented returns a document as people read it, without a newline at its end.
func indented(document any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(document)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// SaveFigures draws figures into a folder, each in all formats: figure.svg,
// figure-NAME.svg. Files are drawn side by side. The error is Draw's or the disk's.
func SaveFigures(folder string, figures []figure.Figure, style Style) error {
	var files errgroup.Group
	files.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range figures {
		for _, format := range slices.Backward(Formats()) { // a PNG takes longest
			files.Go(func() error {
				return run.WriteFile(filepath.Join(folder, figureFile(f, format)),
					func(w io.Writer) error { return Draw(w, f, format, style) })
			})
		}
	}
	return files.Wait()
}

// Redraw draws the figures of experiments that Load has read anew. A name of a figure that
// would leave its folder is an error: it is read from a file.
func Redraw(out string, entries []Entry, style Style) error {
	for _, e := range entries {
		for _, f := range e.Figures {
			if strings.ContainsAny(f.Name, `/\`) {
				return fmt.Errorf("%s: its figure is called %q, which is no name of a file: run the "+
					"experiment again", filepath.Join(out, e.folder, ResultFile), f.Name)
			}
		}
		if err := SaveFigures(filepath.Join(out, e.folder), e.Figures, style); err != nil {
			return err
		}
	}
	return nil
}

// saveNumbers writes the numbers of figures as tables.
func saveNumbers(folder string, figures []figure.Figure) error {
	for _, f := range figures {
		err := run.WriteFile(filepath.Join(folder, figureFile(f, "csv")),
			func(w io.Writer) error { return writeFigureCSV(w, f) })
		if err != nil {
			return err
		}
	}
	return nil
}

// figureFile is the name of a figure's file: figure.svg, figure-NAME.svg.
func figureFile(f figure.Figure, format string) string {
	if f.Name == "" {
		return figureStem + "." + format
	}
	return figureStem + "-" + f.Name + "." + format
}

func saveData(dir string, data figure.Data) error {
	for _, a := range data.Arrays {
		if err := run.WriteFile(filepath.Join(dir, a.Name+".npy"),
			func(w io.Writer) error {
				return npy.Write(w, npy.Array{Name: a.Name, Shape: a.Shape, Data: a.Values})
			}); err != nil {
			return err
		}
		if err := run.WriteFile(filepath.Join(dir, a.Name+".csv"),
			func(w io.Writer) error { return writeArrayCSV(w, a) }); err != nil {
			return err
		}
	}
	for _, t := range data.Tables {
		if err := run.WriteFile(filepath.Join(dir, t.Name+".csv"),
			func(w io.Writer) error { return writeTableCSV(w, t) }); err != nil {
			return err
		}
	}
	return nil
}

// writeArrayCSV writes a matrix row by row and a vector as one column.
func writeArrayCSV(w io.Writer, a figure.Array) error {
	columns := 1
	if len(a.Shape) == 2 {
		columns = a.Shape[1]
	}
	out := csv.NewWriter(w)
	for at := 0; at < len(a.Values); at += columns {
		record := make([]string, columns)
		for j, v := range a.Values[at : at+columns] {
			record[j] = strconv.FormatFloat(v, 'g', -1, 64)
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func writeTableCSV(w io.Writer, t figure.Table) error {
	out := csv.NewWriter(w)
	if err := out.Write(t.Columns); err != nil {
		return err
	}
	for _, row := range t.Rows {
		record := make([]string, len(row))
		for i, v := range row {
			record[i] = fmt.Sprint(v)
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// writeFigureCSV writes what a figure shows, one number a line.
func writeFigureCSV(w io.Writer, f figure.Figure) error {
	t := figure.Table{Columns: []string{"panel", "series", "x", "y", "value", "low", "high"}}
	for _, p := range f.Panels {
		if m := p.Matrix; m != nil {
			for i, v := range m.Values {
				t.Rows = append(t.Rows, []any{p.Title, "", i%m.Columns + 1, i/m.Columns + 1, v, "",
					""})
			}
		}
		for _, s := range p.Series {
			for i := range s.X {
				row := []any{p.Title, s.Label, s.X[i], s.Y[i], "", "", ""}
				if i < len(s.Low) && i < len(s.High) {
					row[5], row[6] = s.Low[i], s.High[i]
				}
				t.Rows = append(t.Rows, row)
			}
		}
	}
	return writeTableCSV(w, t)
}
