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

	"icar/report"
)

//go:embed assets
var assets embed.FS

// addPage adds the page and its assets. The controls of the page are those of
// the routes' parameters, so that both have the same ranges.
func addPage(mux *http.ServeMux) error {
	page, err := renderPage()
	if err != nil {
		return err
	}
	serve := func(name string, content []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
			w.Write(content)
		}
	}
	mux.HandleFunc("GET /{$}", serve("page.html", page))
	files, err := assets.ReadDir("assets")
	if err != nil {
		return err
	}
	for _, file := range files {
		name := file.Name()
		content, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return err
		}
		if path.Ext(name) != ".html" { // the templates make the page, which is served as /
			mux.HandleFunc("GET /assets/"+name, serve(name, content))
		}
	}
	for name, content := range report.FigureAssets() {
		mux.HandleFunc("GET /assets/"+name, serve(name, content))
	}
	return nil
}

func renderPage() ([]byte, error) {
	known := map[string][]parameter{}
	for _, r := range routes() {
		known[path.Base(r.path)] = r.parameters
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, err
	}
	t, err := template.New("page.html").Funcs(template.FuncMap{
		"control": func(part, name string) (map[string]any, error) {
			for _, p := range known[part] {
				if p.name == name {
					return map[string]any{"ID": part + "-" + name, "P": p}, nil
				}
			}
			return nil, fmt.Errorf("part %s has no parameter %s", part, name)
		},
		"typeset": typeset,
	}).ParseFS(files, "*.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, nil)
	return b.Bytes(), err
}

// lowered is a letter that stands alone and what is written below it, as in T_{max}.
var lowered = regexp.MustCompile(`(\b|[0-9])(\p{L})_(?:\{([^{}]+)\}|([\p{L}\p{N}])\b)`)

// typeset writes a text as HTML, with real subscripts.
func typeset(text string) template.HTML {
	return template.HTML(lowered.ReplaceAllString(template.HTMLEscapeString(text),
		"$1$2<sub>$3$4</sub>"))
}
