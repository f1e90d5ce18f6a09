package report

import (
	"html/template"
	"io"

	"icar/figure"
)

// Article is a page of tables and figures.
type Article struct {
	Title    string // the question that it answers
	Verdict  string // the answer, in sentences: the page begins with it
	Lead     string // what it is about, in a sentence or two
	Sections []figure.Section
}

// WriteArticle writes a self-contained page, whose figures can be looked into
// as those of WritePage.
func WriteArticle(path string, a Article) error {
	own, err := parts()
	if err != nil {
		return err
	}
	t, err := template.New("article.html").Funcs(own).ParseFS(assets, "article.html")
	if err != nil {
		return err
	}
	return writeHTML(path, func(w io.Writer) error { return t.Execute(w, a) })
}
