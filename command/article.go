package command

import (
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/figure"
	"icar/internal/visible"
	"icar/probe"
	"icar/report"
)

// article is what a command has found out, as a folder and a terminal show it.
type article struct {
	file     string   // name of the document in the folder
	document any      // that docs/json.md describes
	said     []string // lines above the tables on a terminal
	page     report.Article
	figures  []figure.Figure
}

// ofAnalysis is the article of an analysis; about says what that is of.
func ofAnalysis(document any, a probe.Analysis, about string) article {
	return article{analysisFile, document, []string{a.Summary()},
		report.Article{Title: "What has it learnt?", Verdict: a.Summary(), Lead: about,
			Sections: a.Sections()}, a.Figures()}
}

// publish writes the document, the figures and the page to a folder, and prints the
// document or the tables.
func (a article) publish(c *cobra.Command, out string, style report.Style, asJSON bool) error {
	if err := report.WriteJSON(filepath.Join(out, a.file), a.document); err != nil {
		return runFailed(err)
	}
	page, err := saveArticle(out, a.page, a.figures, style)
	if err != nil {
		return runFailed(err)
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), a.document)
	}
	for _, line := range a.said {
		fmt.Fprintln(c.OutOrStdout(), visible.Text(line))
	}
	fmt.Fprintln(c.OutOrStdout())
	return printSections(c.OutOrStdout(), a.page.Sections, page)
}

// printSections prints tables, and where the page with them is.
func printSections(out io.Writer, sections []figure.Section, page string) error {
	for i, s := range sections {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := printSection(out, s); err != nil {
			return err
		}
	}
	absolute, err := filepath.Abs(page)
	if err != nil {
		return runFailed(err)
	}
	_, err = fmt.Fprintf(out, "\nReport: %s\n", visible.Text(absolute))
	return err
}

// printSection prints a table under its title.
func printSection(out io.Writer, s figure.Section) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, visible.Text(s.Title))
	row := func(cells []string) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, visible.Text(cell))
		}
		fmt.Fprintln(w)
	}
	if len(s.Header) > 0 {
		row(s.Header)
	}
	for _, cells := range s.Rows {
		row(cells)
	}
	return w.Flush()
}

// saveArticle writes figures, each by itself, their numbers together, and all at the
// end of a page.
func saveArticle(out string, article report.Article, figures []figure.Figure,
	style report.Style) (page string, err error) {
	for i := range figures {
		article.Sections = append(article.Sections, figure.Section{Title: figures[i].Title,
			Figure: &figures[i]})
	}
	if err := report.SaveFigures(out, figures, style); err != nil {
		return "", err
	}
	if err := report.SaveArrays(out, figures); err != nil {
		return "", err
	}
	page = filepath.Join(out, report.PageFile)
	return page, report.WriteArticle(page, article)
}
