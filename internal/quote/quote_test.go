package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every document is what its template gives from the committed results.
func TestDocumentsQuoteTheirFiles(t *testing.T) {
	const root = "../.."
	paths, err := templates(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		want, err := render(root, path)
		if err != nil {
			t.Error(err)
			continue
		}
		document := strings.TrimSuffix(path, suffix)
		got, err := os.ReadFile(filepath.Join(root, document))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what %s gives (%v): go run ./internal/quote writes it", document, path, err)
		}
	}
}

// checkout writes a template and a results table and renders it.
func checkout(t *testing.T, source string) (string, error) {
	t.Helper()
	root := t.TempDir()
	folder := filepath.Join(root, "docs", "results", "toy")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{
		filepath.Join(root, "README.md.tmpl"): source,
		filepath.Join(folder, "test.csv"): "model,seed,mse\nL = 1,0,0.5\nL = 1,1,0.25\nL = " +
			"2,0,0.125\n",
		filepath.Join(folder,
			"claims.json"): `[{"id": "toy/a", "measured": 1.5, "pass": true, "reason": null, "interval": {"low": 0.25}}]`,
		filepath.Join(folder, "not-number.csv"): "x\nn/a\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(root, io.Discard); err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	return string(text), err
}

func TestRender(t *testing.T) {
	for source, want := range map[string]string{
		`{{value "toy/test.csv" "model=L = 2" "mse"}}`: "0.125",
		// 0.375 to even
		`{{printf "%.2f" (mean "toy/test.csv" "model=L = 1" "mse")}}`:                                            "0.38",
		`{{least "toy/test.csv" "mse"}} to {{most "toy/test.csv" "mse"}}`:                                        "0.125 to 0.5",
		`{{count "toy/test.csv" "model=L = 1"}}{{range texts "toy/test.csv" "model=L = 1" "seed"}} {{.}}{{end}}`: "2 0 1",
		`{{claim "toy/claims.json" "toy/a" "measured"}}`:                                                         "1.5",
		`{{claim "toy/claims.json" "toy/a" "interval.low"}}`:                                                     "0.25",
		`{{over (minus 3.0 1.0) (times 2.0 (plus 1.0 1.0))}} {{root 4.0}}`:                                       "0.5 2",
		`{{require (lt 1.0 2.0) "one is less than two"}}so`:                                                      "so",
		"Go 1.26.0, `0.5`, [a](https://a.b/0.5), {{given \"0.2\" \"1/d\"}}, arXiv 2402.05787":                    "Go 1.26.0, `0.5`, [a](https://a.b/0.5), 0.2, arXiv 2402.05787",
	} {
		if got, err := checkout(t, source); got != want || err != nil {
			t.Errorf("%s gives %q, %v, want %q", source, got, err, want)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"\nan error of 0.5, measured once": "README.md.tmpl:2: the number 0.5 is written by hand",
		"ends in 0.25.":                    "the number 0.25 is written by hand",
		"(12.8)":                           "the number 12.8 is written by hand",
		`{{value "toy/test.csv" "model=L = 1" "mse"}}`:        "2 rows",
		`{{value "toy/test.csv" "model=L = 3" "mse"}}`:        "no row meets",
		`{{value "toy/test.csv" "mode=L = 3" "mse"}}`:         "names none of the columns",
		`{{value "toy/test.csv" "model=L = 2" "mes"}}`:        `has no column "mes"`,
		`{{value "toy/test.csv"}}`:                            "the name of a column is missing",
		`{{value "toy/gone.csv" "mse"}}`:                      "gone.csv",
		`{{value "toy/not-number.csv" "x"}}`:                  "invalid syntax",
		`{{claim "toy/claims.json" "toy/b" "measured"}}`:      "has no claim toy/b",
		`{{claim "toy/claims.json" "toy/a" "reason"}}`:        "has no reason",
		`{{claim "toy/claims.json" "toy/a" "interval.high"}}`: "has no interval.high",
		`{{claim "toy/claims.json" "toy/a" "measured.low"}}`:  "has no measured.low",
		`{{given "0.2" ""}}`:                                  "without a reason",
		`{{require (lt 2.0 1.0) "two is less than one"}}`: "the results do not say that two is less " +
			"than one",
	} {
		if _, err := checkout(t, source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}
