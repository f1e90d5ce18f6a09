//go:build !js

package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"

	"icar/report"
)

//go:embed assets
var assets embed.FS

// addPage adds the page and its assets.
func addPage(mux *http.ServeMux) error {
	files, err := Page(Serving{})
	if err != nil {
		return err
	}
	for name, content := range files {
		pattern := "GET /" + name
		if name == PageFile {
			pattern = "GET /{$}"
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
			w.Write(content)
		})
	}
	return nil
}

// Names of files of the page.
const (
	PageFile = "index.html"     // the page itself
	CallFile = "assets/call.js" // what knows who answers the page
)

// Serving is who answers a page, of which it speaks.
type Serving struct {
	Site bool // a worker beside the page does, not a server that has runs and claims
}

// Page returns the files of the page by their paths, which are relative to one another.
func Page(by Serving) (map[string][]byte, error) {
	page, err := renderPage(by)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{PageFile: page}
	files, err := assets.ReadDir("assets")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name := "assets/" + file.Name()
		if path.Ext(name) == ".html" { // the templates make the page
			continue
		}
		if all[name], err = assets.ReadFile(name); err != nil {
			return nil, err
		}
	}
	for name, content := range report.FigureAssets() {
		all["assets/"+name] = content
	}
	return all, nil
}

// control is a parameter of a part as the page sets it.
type control struct {
	ID string
	P  parameter
}

// renderPage fills the templates. The controls of the page are those of the routes'
// parameters, so that both have the same ranges.
func renderPage(by Serving) ([]byte, error) {
	known := map[string][]parameter{}
	for _, r := range routes() {
		known[path.Base(r.path)] = r.parameters
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, err
	}
	t, err := template.New("page.html").Funcs(template.FuncMap{
		"controls": func(part string, names ...string) (all []control, err error) {
			for _, name := range names {
				i := slices.IndexFunc(known[part], func(p parameter) bool { return p.name == name })
				if i < 0 {
					return nil, fmt.Errorf("part %s has no parameter %s", part, name)
				}
				all = append(all, control{part + "-" + name, known[part][i]})
			}
			return all, nil
		},
		"typeset": typeset,
	}).ParseFS(files, "*.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, by)
	return b.Bytes(), err
}

// lowered is a letter that stands alone and what is written below it, as in T_{max}.
var lowered = regexp.MustCompile(`(\b|[0-9])(\p{L})_(?:\{([^{}]+)\}|([\p{L}\p{N}])\b)`)

// typeset writes a text as HTML, with real subscripts.
func typeset(text string) template.HTML {
	return template.HTML(lowered.ReplaceAllString(template.HTMLEscapeString(text),
		"$1$2<sub>$3$4</sub>"))
}
