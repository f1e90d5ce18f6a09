// Command quote writes the documents whose numbers come from files. Every
// FILE.md.tmpl of the checkout is a text/template beside the FILE.md that is
// rendered from it; its functions read the results under docs/results, so that a
// sentence cannot drift from its table:
//
//	go run ./internal/quote         write every document
//	go test ./internal/quote        every document is what its template gives
//
// In a template
//
//	{{printf "%.4f" (value "fig5/summary.csv" "model=L = 3" "test_mse")}}
//
// is the number in column test_mse of the one row of docs/results/fig5/summary.csv
// whose model is L = 3. See [functions] for the others. What a sentence says
// beyond its numbers is required of them:
//
//	{{require (lt (value …) (value …)) "the second layer lowers the error"}}
//
// A decimal number that is written into a template by hand, outside of code, is
// an error: results are quoted, and what is no result is given with a reason,
// {{given "0.2" "1/d, what predicting 0 costs"}}.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// suffix is what a template's name has after its document's.
const suffix = ".tmpl"

func main() {
	if err := write(".", os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quote:", err)
		os.Exit(1)
	}
}

// write renders every template below the root of the checkout and tells which
// documents changed.
func write(root string, changed io.Writer) error {
	paths, err := templates(root)
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := render(root, path)
		if err != nil {
			return err
		}
		document := filepath.Join(root, strings.TrimSuffix(path, suffix))
		if old, err := os.ReadFile(document); err == nil && bytes.Equal(old, text) {
			continue
		}
		if err := os.WriteFile(document, text, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(changed, strings.TrimSuffix(path, suffix))
	}
	return nil
}

// templates are the paths of all templates of a checkout, relative to it.
func templates(root string) ([]string, error) {
	var paths []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case strings.HasSuffix(path, ".md"+suffix):
			paths = append(paths, path)
		}
		return nil
	})
	if err == nil && len(paths) == 0 {
		err = errors.New("no template here: run from the root of a checkout of icar")
	}
	return paths, err
}
