package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"text/template"

	"gonum.org/v1/gonum/floats"
)

// render returns the document of a template of a checkout.
func render(root, path string) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return nil, err
	}
	if number, line := written(source); number != "" {
		return nil, fmt.Errorf("%s:%d: the number %s is written by hand: quote it from a file of "+
			"docs/results, or say what it is by {{given %q \"what it is\"}}", path, line, number,
			number)
	}
	t, err := template.New(path).Option("missingkey=error").
		Funcs(functions(filepath.Join(root, "docs", "results"))).Parse(string(source))
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, nil); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

var (
	// quoted are the parts of a template in which numbers may be written:
	// actions, blocks and spans of code, links and pictures.
	quoted = regexp.MustCompile("(?s)```.*?```|\\{\\{.*?\\}\\}|`[^`\n]*`|" +
		"\\]\\([^)]*\\)|https?://[^\\s)]*")
	// decimal numbers have a point and digits on both sides of it; versions and
	// identifiers such as arXiv's have more of either.
	decimal = regexp.MustCompile(`(^|[^\d.\w])(\d{1,3}\.\d+)($|[^\d.\w]|\.\s|\.$)`)
)

// written is the first decimal number that stands in a template by hand, and
// its line.
func written(source []byte) (number string, line int) {
	// Blank out what is quoted and keep its lines, so that lines can be counted.
	rest := quoted.ReplaceAllFunc(source, func(code []byte) []byte {
		return bytes.Repeat([]byte("\n"), bytes.Count(code, []byte("\n")))
	})
	for i, text := range bytes.Split(rest, []byte("\n")) {
		if m := decimal.FindSubmatch(text); m != nil {
			return string(m[2]), i + 1
		}
	}
	return "", 0
}

// functions are those of the templates; files are read from a folder.
//
// value, mean, least, most, count and texts take a CSV file, conditions
// "column=text" that rows have to meet, and (count not) the name of a column:
// the one number, the mean, the extremes or the texts of the rows chosen; claim
// takes a claims.json, the ID of a claim and a field of it, such as interval.mean.
// The arithmetic is plus, minus, times, over and root; list makes what range can
// walk.
func functions(results string) template.FuncMap {
	numbers := func(f func([]float64) float64) func(string, ...string) (float64, error) {
		return func(file string, arguments ...string) (float64, error) {
			x, err := column(results, file, arguments)
			if err != nil {
				return 0, err
			}
			return f(x), nil
		}
	}
	return template.FuncMap{
		"value": func(file string, arguments ...string) (float64, error) {
			x, err := column(results, file, arguments)
			if err == nil && len(x) != 1 {
				err = fmt.Errorf("%s %q: %d rows: conditions that leave one row are needed", file,
					arguments, len(x))
			}
			if err != nil {
				return 0, err
			}
			return x[0], nil
		},
		"mean":  numbers(func(x []float64) float64 { return floats.Sum(x) / float64(len(x)) }),
		"least": numbers(slices.Min[[]float64]),
		"most":  numbers(slices.Max[[]float64]),
		"count": func(file string, conditions ...string) (int, error) {
			_, rows, err := rows(results, file, conditions)
			return len(rows), err
		},
		"texts": func(file string, arguments ...string) ([]string, error) {
			return texts(results, file, arguments)
		},
		"claim": func(file, id, field string) (any, error) {
			return claimField(results, file, id, field)
		},
		"plus":  func(a, b float64) float64 { return a + b },
		"minus": func(a, b float64) float64 { return a - b },
		"times": func(a, b float64) float64 { return a * b },
		"over":  func(a, b float64) float64 { return a / b },
		"root":  math.Sqrt,
		"list":  func(texts ...string) []string { return texts },
		"given": func(number, reason string) (string, error) {
			if reason == "" {
				return "", fmt.Errorf("%s is given without a reason", number)
			}
			return number, nil
		},
		"require": func(holds bool, sentence string) (string, error) {
			if !holds {
				return "", fmt.Errorf("the results do not say that %s", sentence)
			}
			return "", nil
		},
	}
}
