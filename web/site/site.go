// Package site writes the explorer as a folder of files: the page of package web, and the
// same package compiled to WebAssembly, which answers it in a worker beside it. Any server
// of files serves it, at any path.
package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"icar/internal/budget"
	"icar/run"
	"icar/web"
)

//go:embed assets
var assets embed.FS

// Names of files of a site.
const (
	codeFile     = "icar.wasm.gz"
	learntFile   = "learnt.json.gz"
	goFile       = "wasm_exec.js"
	keeperFile   = "sw.js"     // the service worker, which keeps the site for when there is no network
	manifestFile = "site.json" // which files there are
)

// beside are the scripts of a site that stand beside its page, as a worker has to; the
// others are among the page's.
var beside = []string{"worker.js", "files.js"}

// Compiled is package web for a browser.
type Compiled struct {
	Code []byte // WebAssembly
	Go   []byte // wasm_exec.js of the Go that has compiled it
}

// Build returns the files of a site by their paths. Learnt is what [web.Learn] has written.
func Build(c Compiled, learnt []byte) (map[string][]byte, error) {
	files, err := web.Page(web.Serving{Site: true})
	if err != nil {
		return nil, err
	}
	if err := addScripts(files); err != nil {
		return nil, err
	}
	files[web.PageFile] = inPage(files[web.PageFile], scripts(files))
	files[goFile] = c.Go
	if files[codeFile], err = packed(c.Code); err != nil {
		return nil, err
	}
	if files[learntFile], err = packed(learnt); err != nil {
		return nil, err
	}
	return files, seal(files)
}

// addScripts adds the scripts of a site, one of them in the place of the page's.
func addScripts(files map[string][]byte) error {
	all, err := assets.ReadDir("assets")
	if err != nil {
		return err
	}
	for _, file := range all {
		content, err := assets.ReadFile("assets/" + file.Name())
		if err != nil {
			return err
		}
		name := file.Name()
		if name != keeperFile && !slices.Contains(beside, name) {
			name = "assets/" + name
		}
		files[name] = content
	}
	return nil
}

// scripts lists the modules of the page.
func scripts(files map[string][]byte) (modules []string) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Dir(name) == "assets" && path.Ext(name) == ".js" && name != "assets/opened.js" {
			modules = append(modules, name)
		}
	}
	return modules
}

// inPage adds to a page what a server would say of it, and the scripts of a site. The
// modules are named at once, so that they are not found out one after the other.
func inPage(page []byte, modules []string) []byte {
	var head bytes.Buffer
	fmt.Fprintf(&head, "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n"+
		"<meta name=\"referrer\" content=\"no-referrer\">\n"+
		"<script src=\"assets/opened.js\" defer></script>\n", web.Policy)
	for _, name := range modules {
		fmt.Fprintf(&head, "<link rel=\"modulepreload\" href=\"%s\">\n", name)
	}
	head.WriteString("<script type=\"module\" src=\"assets/site.js\"></script>\n")
	const before = "<link rel=\"icon\""
	return bytes.Replace(page, []byte(before), append(head.Bytes(), before...), 1)
}

// packed compresses what a plain server would send as it is.
func packed(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// manifest says what a site consists of.
type manifest struct {
	Version string   `json:"version"` // changes with any of the files
	Files   []string `json:"files"`
}

// seal tells the service worker which files there are, and lists them all.
func seal(files map[string][]byte) error {
	var kept []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != keeperFile {
			kept = append(kept, name)
		}
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s %d ", name, len(files[name]))
		sum.Write(files[name])
	}
	m := manifest{Version: fmt.Sprintf("%x", sum.Sum(nil)[:8])}
	list, err := json.Marshal(append([]string{"./"}, kept...))
	if err != nil {
		return err
	}
	files[keeperFile] = append(fmt.Appendf(nil, "const version = %q, files = %s;\n", m.Version,
		list), files[keeperFile]...)
	m.Files = append(slices.Sorted(maps.Keys(files)), manifestFile)
	files[manifestFile], err = json.MarshalIndent(m, "", "\t")
	return err
}

// Check returns an error that says what to do if a site cannot be written to dir: a folder
// that is not there, empty, or an earlier site and nothing else can be.
func Check(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s is no folder to write a site to: %w", dir, err)
	}
	other := fmt.Errorf("%s holds something else than a site: name a new or an empty folder", dir)
	data, err := budget.ReadFile(filepath.Join(dir, manifestFile), 1<<20)
	if err != nil {
		return other
	}
	var m manifest
	if err := budget.Unmarshal(data, &m, budget.Results()); err != nil {
		return other
	}
	return filepath.WalkDir(dir, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err == nil && !slices.Contains(m.Files, filepath.ToSlash(name)) {
			err = fmt.Errorf("%s is no file of the site in %s: move it away, or name a new folder",
				name, dir)
		}
		return err
	})
}

// Write writes the files of a site to a folder, whole or not at all, in place of an
// earlier site. The error is that of [Check], or of writing.
func Write(dir string, files map[string][]byte) error {
	if err := Check(dir); err != nil {
		return err
	}
	return run.WriteFolder(dir, func(to string) error {
		for name, content := range files {
			place := filepath.Join(to, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(place, content, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}
