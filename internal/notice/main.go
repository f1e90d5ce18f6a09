// Command notice writes NOTICE, the licences of all that is linked into icar:
// of the modules on every system that icar is built for, of the fonts and data
// inside them and it, and of Go itself. Run it from the root of the checkout
// when go.mod or an import has changed:
//
//	go run ./internal/notice         write NOTICE
//	go test ./internal/notice        NOTICE is what it would write
//
// Texts come from the module cache, as their authors wrote them. What a program
// cannot know stands in table.go: which of two licences is chosen, whom a
// licence wants to be named, where embedded data come from. A module without a
// licence that is known, a font or a data file without a source is an error.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"icar/run"
)

func main() {
	err := write(context.Background(), ".", file)
	if err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

// file is where the licences stand, in the root of the checkout.
const file = "NOTICE"

// write writes the notice of the checkout at root.
func write(ctx context.Context, root, path string) error {
	text, err := notice(ctx, root)
	if err != nil {
		return err
	}
	return run.WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// notice returns the notice of the checkout at root.
func notice(ctx context.Context, root string) (string, error) {
	var all linked
	for _, p := range platforms {
		if err := all.add(ctx, root, p); err != nil {
			return "", err
		}
	}
	works, err := all.works(root)
	if err != nil {
		return "", err
	}
	return render(works), nil
}
