package report

import (
	"bytes"
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/figure"
	"icar/outcome"

	"codeberg.org/sbinet/npyio"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/plot/vg"
)

// everyKind shows each kind of panel, with what is not finite in it.
func everyKind() figure.Figure {
	x, y := []float64{1, 2, 3, 4}, []float64{1, math.NaN(), math.Inf(1), 0.01}
	solid := figure.NewSeries("solid", figure.Solid, x, []float64{2, 2, 3, 4})
	return figure.Figure{Title: "every kind", Columns: 2, Panels: []figure.Panel{
		{Kind: figure.Lines, Title: "lines", X: figure.Axis{Label: "x"},
			Y: figure.Axis{Label: "loss", Log: true},
			Series: []figure.Series{solid, figure.NewSeries("dashed", figure.Dashed, x, y),
				figure.NewSeries("points", figure.Points, x, y),
				solid.Between([]float64{1, 1, math.NaN(), 3}, []float64{3, 3, 4, 5}),
				figure.NewSeries("bars", figure.Points, x, y).Between([]float64{0.5, 1, 1, -1},
					[]float64{2, 2, 2, 2})}},
		{Kind: figure.Heatmap, Title: "heatmap",
			Matrix: figure.NewMatrix(2, 2, []float64{1, -2, math.NaN(), 0})},
	}}
}

func collected() outcome.Outcome {
	return outcome.Outcome{
		Version: outcome.DocumentVersion, Name: "toy", Source: "ours", Summary: "a <toy>",
		Scale: outcome.Quick,
		Claims: []outcome.Claim{
			{ID: "toy/one", Source: "ours", Statement: "one & one", Measured: 2, Predicted: 2,
				Relation: outcome.Equals, Pass: true},
			{ID: "toy/nan", Source: "ours", Statement: "diverged",
				Measured: figure.Number(math.NaN()), Relation: outcome.AtMost},
		},
		Figures: []figure.Figure{everyKind()},
		Results: []outcome.Result{{Trial: outcome.Trial{ID: "toy-1",
			Config: json.RawMessage(`{"n":1}`)}, Found: json.RawMessage(`{}`)}},
		Data: figure.Data{
			Arrays: []figure.Array{{Name: "A", Shape: []int{2, 3},
				Values: []float64{1, 2, 3, 4, 5, 0.1}},
				{Name: "v", Shape: []int{2}, Values: []float64{7, 8}}},
			Tables: []figure.Table{{Name: "mse", Columns: []string{"depth", "mse"},
				Rows: [][]any{{1, 0.5}, {2, 0.25}}}},
		},
	}
}

func TestDrawEveryKindInEveryFormat(t *testing.T) {
	magic := map[string]string{"svg": "<?xml", "pdf": "%PDF-", "png": "\x89PNG"}
	for _, format := range Formats() {
		var first, second bytes.Buffer
		if err := Draw(&first, everyKind(), format, Paper); err != nil {
			t.Fatal(err)
		}
		if err := Draw(&second, everyKind(), format, Paper); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(first.String(), magic[format]) {
			t.Errorf("%s begins with %q", format, first.String()[:8])
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: drawn twice, not the same bytes", format)
		}
		if format == "png" {
			picture, err := png.Decode(&first)
			if err != nil || picture.Bounds().Dx() < 600 {
				t.Errorf("PNG of %v: %v", picture.Bounds(), err)
			}
		}
	}
}

// Heatmaps of one size are written in one order: six drawn twice come in the same
// by chance once in 720 times.
func TestHeatmapsOfOneSizeAreTheSameBytes(t *testing.T) {
	f := figure.Figure{Columns: 3}
	for k := range 6 {
		values := make([]float64, 9)
		for i := range values {
			values[i] = float64((k + 2) * i % 7)
		}
		f.Panels = append(f.Panels, figure.Panel{Kind: figure.Heatmap,
			Matrix: figure.NewMatrix(3, 3, values)})
	}
	var first bytes.Buffer
	if err := Draw(&first, f, "pdf", Paper); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		var again bytes.Buffer
		if err := Draw(&again, f, "pdf", Paper); err != nil ||
			!bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Fatalf("drawn again, not the same bytes (%v)", err)
		}
	}
}

// A legend breaks into rows within its panel, and panels side by side leave
// room for the longest.
func TestLegendFlows(t *testing.T) {
	row := []drawnPanel{{keys: make([]legendKey, 3)}, {keys: make([]legendKey, 9)}, {}}
	for i := range row[1].keys {
		row[1].keys[i].label = strings.Repeat("long ", 3+i)
	}
	l, room := Paper.layout(), 2*vg.Inch
	places, rows := l.flow(row[1].keys, room)
	used := 0
	for i, at := range places {
		for _, line := range at.lines {
			end := at.left + l.key().thumbnail + l.key().gap + sans(l.tick).Width(line)
			if end > room {
				t.Errorf("key %d ends at %v, beyond its panel", i, end)
			}
		}
		if at.left == 0 && at.row != used {
			t.Errorf("key %d begins row %d, below %d", i, at.row, used)
		}
		used = max(used, at.row+len(at.lines))
		if i > 0 && (at.row < places[i-1].row ||
			at.row == places[i-1].row && at.left <= places[i-1].left) {
			t.Errorf("key %d at %v does not follow %v", i, at, places[i-1])
		}
	}
	if want := vg.Length(rows)*l.key().height + l.key().space; rows < 2 || rows != used ||
		l.legendHeight(row, room) != want {
		t.Errorf("%d rows of %d lines, height %v, want %v", rows, used,
			l.legendHeight(row, room), want)
	}
	if l.legendHeight(row[2:], room) != 0 {
		t.Error("no legend has a height")
	}
}

// One value, or none that can be drawn, on a logarithmic axis once made the
// ticks run to -∞.
func TestDrawLogarithmicAxisOfOneValueOrNone(t *testing.T) {
	for _, y := range []float64{5, -5, math.NaN()} {
		panel := figure.Panel{Kind: figure.Lines, X: figure.Axis{Log: true},
			Y: figure.Axis{Log: true},
			Series: []figure.Series{figure.NewSeries("one", figure.Solid, []float64{1},
				[]float64{y})}}
		if err := Draw(&bytes.Buffer{}, figure.Figure{Panels: []figure.Panel{panel}},
			"svg", Paper); err != nil {
			t.Errorf("y = %g: %v", y, err)
		}
	}
}

func TestDrawErrors(t *testing.T) {
	for _, p := range []figure.Panel{
		{Kind: "pie"},
		{Kind: figure.Heatmap},
		{Kind: figure.Heatmap, Matrix: figure.NewMatrix(2, 2, []float64{1})},
	} {
		if err := Draw(&bytes.Buffer{}, figure.Figure{Panels: []figure.Panel{p}},
			"svg", Paper); err == nil {
			t.Errorf("%+v was drawn", p)
		}
	}
	if err := Draw(&bytes.Buffer{}, everyKind(), "bmp", Paper); err == nil {
		t.Error("an unknown format was drawn")
	}
}

// Drawing anew replaces the files of figures in the folders that they were read from, and leaves
// no folder by way of a figure's name.
func TestRedraw(t *testing.T) {
	out := t.TempDir()
	o := collected()
	o.Figures = []figure.Figure{{Title: "one", Panels: []figure.Panel{{Kind: figure.Lines}}}}
	if err := Save(out, o, outcome.Cost{}, Paper); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(out, "moved")
	if err := os.Rename(filepath.Join(out, o.Name), moved); err != nil {
		t.Fatal(err)
	}
	entries, err := Load(out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Redraw(out, entries, Talk); err != nil {
		t.Fatal(err)
	}
	drawn, err := os.ReadFile(filepath.Join(moved, "figure.svg"))
	if err != nil || !bytes.Contains(drawn, []byte(`width="432pt"`)) {
		t.Errorf("drawn for a talk: %.200s, %v", drawn, err)
	}
	for _, name := range []string{"/../../x", `\..\x`} {
		entries[0].Figures[0].Name = name
		if err := Redraw(out, entries, Talk); err == nil {
			t.Errorf("a figure was drawn as %s", name)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	out := t.TempDir()
	if err := Save(out, collected(), outcome.Cost{Seconds: 1.5, PeakHeap: 3 << 20,
		Workers: 2}, Paper); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(out, "toy", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var m mat.Dense
	if err := npyio.Read(bytes.NewReader(read("data/A.npy")), &m); err != nil ||
		!mat.Equal(&m, mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 0.1})) {
		t.Errorf("A.npy holds %v, %v", mat.Formatted(&m), err)
	}
	var v []float64
	if err := npyio.Read(bytes.NewReader(read("data/v.npy")), &v); err != nil || len(v) != 2 ||
		v[1] != 8 {
		t.Errorf("v.npy holds %v, %v", v, err)
	}
	for name, want := range map[string]string{
		"data/A.csv": "1,2,3\n4,5,0.1\n", "data/v.csv": "7\n8\n",
		"data/mse.csv": "depth,mse\n1,0.5\n2,0.25\n",
	} {
		if got := string(read(name)); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if picture := string(read("data/figure.csv")); !strings.Contains(picture,
		"heatmap,,2,1,-2,,\n") || !strings.Contains(picture, "lines,dashed,1,1,,,\n") ||
		!strings.Contains(picture, "lines,bars,1,1,,0.5,2\n") {
		t.Errorf("figure.csv holds %s", picture)
	}

	other := collected()
	other.Name = "first"
	if err := Save(out, other, outcome.Cost{}, Paper); err != nil {
		t.Fatal(err)
	}
	entries, err := Load(out, []string{"toy"})
	if err != nil || len(entries) != 2 || entries[0].Name != "toy" ||
		entries[0].Cost.Seconds != 1.5 {
		t.Fatalf("loaded %d entries, %v", len(entries), err)
	}
	page, err := WritePage(out, entries)
	if err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 of 4 claims hold: 2 of 4 of our own", "quick scale, seed 0",
		"A &lt;toy&gt;.", "One &amp; one.", "not finite", "<svg", "data-figure",
		"1.50 s, largest live heap 3 MiB", "{&#34;n&#34;:1}"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, foreign := range []string{"src=", "<link", "import ", "import(", "@import"} {
		if bytes.Contains(html, []byte(foreign)) {
			t.Errorf("the page is not self-contained: %q", foreign)
		}
	}
	var claims []outcome.Claim
	if err := readJSON(filepath.Join(out, ClaimsFile), &claims); err != nil || len(claims) != 4 ||
		!math.IsNaN(claims[1].Measured.Float()) {
		t.Errorf("claims.json holds %v, %v", claims, err)
	}
}
