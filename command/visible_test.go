//go:build unix

package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"icar/figure"
	"icar/outcome"
	"icar/report"
	"icar/run"
	"icar/train"
)

// marked clears the screen, begins a line that looks like the command's, and
// turns the reading direction.
const marked = "\x1b[2J\u009b2J\rx\nremoved all\t\u202egpj"

// No name of a file or word in one reaches the terminal, or a page, as
// anything but letters: it commands nothing and begins no line.
func TestNamesAreShownPlain(t *testing.T) {
	folder := t.TempDir()
	a, b := filepath.Join(folder, marked), filepath.Join(folder, "b"+marked)
	for _, path := range []string{a, b} {
		d, err := run.Create(path, small(t), run.NewInfo(0, marked))
		if err == nil {
			err = errors.Join(d.Record(run.Metric{Step: 1, Loss: 1}, run.Timing{Step: 1}),
				d.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	picture := filepath.Join(t.TempDir(), marked+".svg")
	out := hostileResult(t)
	for _, test := range []struct {
		code, lines int
		args        []string
	}{
		{exitDone, 3, []string{"runs", "list", folder}},
		{exitDone, 5, []string{"runs", "compare", a, b, "--out", picture}},
		{exitDone, -1, []string{"runs", "show", a}},
		{exitDone, 1, []string{"report", out}},
		{exitInput, 1, []string{"runs", "list", marked}},
		{exitInput, 1, []string{"runs", "show", marked}},
		{exitUsage, 1, []string{marked}},
		{exitUsage, 1, []string{"--" + marked}},
		{exitUsage, 1, []string{"train", "--resume", a, "--d", marked}},
		{exitDone, 2, []string{"runs", "rm", "--yes", a, b}}, // the last: the folder is empty then
		{exitDone, 1, []string{"runs", "list", folder}},
	} {
		for _, document := range [][]string{nil, {"--json"}} {
			if document != nil && (test.args[0] != "runs" || test.args[1] == "rm") {
				continue
			}
			args := append(test.args, document...)
			var stdout, stderr bytes.Buffer
			code := icarMain(args, &stdout, &stderr)
			shown := stdout.String() + stderr.String()
			if code != test.code {
				t.Errorf("%q: exit code %d, want %d: %s", args, code, test.code, shown)
			}
			if i := strings.IndexFunc(shown, commands); i >= 0 {
				t.Errorf("%q: %q may command a terminal", args, shown[i:min(i+20, len(shown))])
			}
			if n := strings.Count(shown, "\n"); document == nil && test.lines >= 0 &&
				n != test.lines {
				t.Errorf("%q printed %d lines, want %d: %s", args, n, test.lines, shown)
			}
			if document != nil && code == exitDone && !json.Valid(stdout.Bytes()) {
				t.Errorf("%q printed no JSON: %s", args, stdout.String())
			}
		}
	}
	for _, page := range []string{picture, filepath.Join(out, report.PageFile)} {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(data, commands); i >= 0 {
			t.Errorf("%s holds %q", filepath.Base(page), data[i:min(i+20, len(data))])
		}
		if bytes.Contains(data, []byte("<script>alert")) {
			t.Errorf("%s holds a script of its result", filepath.Base(page))
		}
	}
}

// commands reports whether a character is for a terminal or a page to obey.
func commands(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Bidi_Control) && r != '\n' && r != '\t'
}

// hostileResult writes a folder with a result whose every word is marked, as
// HTML too, and returns its path.
func hostileResult(t *testing.T) string {
	t.Helper()
	const word = marked + "<script>alert(1)</script>"
	o := outcome.Outcome{Version: outcome.DocumentVersion, Name: word, Source: word, Summary: word}
	o.Claims = []outcome.Claim{{ID: word, Source: "ours", Statement: word, Relation: outcome.AtMost,
		Reason: word, Pass: true}}
	panel := figure.Panel{Kind: figure.Lines, Title: word, X: figure.Axis{Label: word},
		Series: []figure.Series{figure.NewSeries(word, figure.Solid, []float64{0, 1},
			[]float64{0, 1})}}
	o.Figures = []figure.Figure{{Name: "f", Title: word, Caption: word,
		Panels: []figure.Panel{panel}}}
	out := t.TempDir()
	folder := filepath.Join(out, "fig6")
	err := os.Mkdir(folder, 0o777)
	err = errors.Join(err, report.WriteJSON(filepath.Join(folder, report.ResultFile), o),
		report.WriteJSON(filepath.Join(folder, report.CostFile), outcome.Cost{}))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// small is the file of a configuration that trains in no time.
func small(t *testing.T) []byte {
	t.Helper()
	c := train.DefaultConfig()
	c.D, c.Length, c.Batch, c.Train, c.Test, c.Epochs = 1, 2, 1, 1, 1, 3
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return c.YAML()
}
