package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// platform is a system that icar is built for.
type platform struct{ os, arch string }

// platforms are those of .ci and of the releases: what is linked differs.
var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"},
}

// program is the command whose parts are told.
const program = "./cmd/icar"

// pkg is a package as go list tells it.
type pkg struct {
	ImportPath string
	Dir        string
	Standard   bool
	EmbedFiles []string
	GoFiles    []string
	Module     *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// linked are the packages outside the standard library that are linked on some
// platform, by import path.
type linked map[string]pkg

// add adds what is linked on a platform.
func (l *linked) add(ctx context.Context, root string, p platform) error {
	list := exec.CommandContext(ctx, "go", "list", "-deps",
		"-json=ImportPath,Dir,Standard,EmbedFiles,GoFiles,Module", program)
	list.Dir = root
	list.Env = append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch, "CGO_ENABLED=0")
	var refused bytes.Buffer
	list.Stderr = &refused
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list for %s/%s: %w: %s", p.os, p.arch, err, &refused)
	}
	if *l == nil {
		*l = linked{}
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var found pkg
		switch err := d.Decode(&found); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !found.Standard:
			(*l)[found.ImportPath] = found
		}
	}
}

// works returns the works that are linked, by name, Go first.
func (l linked) works(root string) ([]work, error) {
	language, err := standard()
	if err != nil {
		return nil, err
	}
	modules := map[string][]pkg{}
	for _, p := range l {
		modules[p.Module.Path] = append(modules[p.Module.Path], p)
	}
	var works []work
	for name, packages := range modules {
		slices.SortFunc(packages, func(a, b pkg) int {
			return strings.Compare(a.ImportPath, b.ImportPath)
		})
		if packages[0].Module.Main {
			own, err := data(root, packages)
			if err != nil {
				return nil, err
			}
			works = append(works, own...)
			continue
		}
		w, err := module(name, packages)
		if err != nil {
			return nil, err
		}
		works = append(works, w)
	}
	slices.SortFunc(works, func(a, b work) int { return strings.Compare(a.name, b.name) })
	return append([]work{language}, works...), nil
}

// module returns a module as a work: the licences beside its linked packages
// and in the folders above them.
func module(name string, packages []pkg) (work, error) {
	m := packages[0].Module
	w := work{name: name + " " + m.Version, remark: remarks[name]}
	if m.Dir == "" {
		return w, fmt.Errorf("%s is not in the module cache: run go mod download", name)
	}
	folders := map[string]bool{}
	for _, p := range packages {
		for dir := p.Dir; ; dir = filepath.Dir(dir) {
			folders[dir] = true
			if dir == m.Dir || len(dir) < len(m.Dir) {
				break
			}
		}
		source, isFont, err := fontSource(p)
		if err != nil {
			return w, err
		}
		if isFont {
			w.fonts = append(w.fonts, path.Base(p.ImportPath))
			if err := w.take(source, filepath.Join(m.Dir, filepath.FromSlash(source))); err != nil {
				return w, err
			}
		}
	}
	for dir := range folders {
		if err := w.collect(m.Dir, dir, refusedFiles[name]); err != nil {
			return w, err
		}
	}
	w.sort()
	return w, w.check()
}

// fontSource returns the file, below its module, with the licence of the font
// that a package holds, if it does.
func fontSource(p pkg) (source string, isFont bool, err error) {
	holds := slices.ContainsFunc(p.EmbedFiles, func(f string) bool {
		return path.Ext(f) == ".ttf" || path.Ext(f) == ".otf"
	})
	for _, f := range p.GoFiles {
		code, err := os.ReadFile(filepath.Join(p.Dir, f))
		if err != nil {
			return "", false, err
		}
		holds = holds || bytes.Contains(code, []byte("var TTF = []byte{"))
	}
	if !holds {
		return "", false, nil
	}
	for prefix, source := range fonts {
		if strings.HasPrefix(p.ImportPath, prefix) {
			return source, true, nil
		}
	}
	return "", false, fmt.Errorf("%s holds a font: say in table.go which file is its licence",
		p.ImportPath)
}

// standard is Go's library and runtime, which are in every program.
func standard() (work, error) {
	w := work{name: "Go, its standard library and runtime"}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return w, err
	}
	root := strings.TrimSpace(string(out))
	if err := w.collect(root, root, nil); err != nil {
		return w, err
	}
	w.sort()
	return w, w.check()
}
