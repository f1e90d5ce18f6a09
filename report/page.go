package report

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"icar/figure"
	"icar/internal/budget"
	"icar/internal/visible"
	"icar/outcome"
	"icar/run"
)

//go:embed page.html page.css article.html
var assets embed.FS

// Entry is an experiment on the page.
type Entry struct {
	outcome.Outcome
	Cost outcome.Cost

	folder string // that Load read it from, in the output folder
}

// Load reads the experiments of an output folder, sorted as order lists their
// names; others follow by name.
func Load(out string, order []string) ([]Entry, error) {
	entries, err := LoadOthers(out, order, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: give a folder that `icar reproduce --out` has written", err)
	}
	if err == nil && len(entries) == 0 {
		return nil, fmt.Errorf("%s holds no experiment: give a folder that "+
			"`icar reproduce --out` has written", out)
	}
	return entries, err
}

// LoadOthers is Load of all experiments but the named ones, which may be none.
func LoadOthers(out string, order, but []string) ([]Entry, error) {
	folders, err := os.ReadDir(out)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, f := range folders {
		path := filepath.Join(out, f.Name(), ResultFile)
		if slices.Contains(but, f.Name()) {
			continue
		}
		if _, err := os.Stat(path); !f.IsDir() || f.Name()[0] == '.' || errors.Is(err,
			os.ErrNotExist) {
			continue
		}
		e := Entry{folder: f.Name()}
		if err := errors.Join(readOutcome(path, &e.Outcome),
			readJSON(filepath.Join(out, f.Name(), CostFile), &e.Cost)); err != nil {
			return nil, err
		}
		if e.Version != outcome.DocumentVersion {
			return nil, fmt.Errorf("%s is of version %d, this icar reads version %d: run the "+
				"experiment again", path, e.Version, outcome.DocumentVersion)
		}
		entries = append(entries, e)
	}
	place := func(e Entry) int {
		if i := slices.Index(order, e.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Name, b.Name))
	})
	return entries, nil
}

func readJSON(path string, into any) error {
	b := budget.Results()
	data, err := budget.ReadFile(path, b.Bytes)
	if err != nil {
		return err
	}
	if err := budget.Unmarshal(data, into, b); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Claims returns the claims of all entries in order.
func Claims(entries []Entry) []outcome.Claim {
	claims := []outcome.Claim{} // an empty array in JSON, not null
	for _, e := range entries {
		claims = append(claims, e.Claims...)
	}
	return claims
}

// WritePage writes claims.json and the self-contained report.html of an
// output folder and returns the page's path. The figures of the page can be
// looked into as on the explorer's; without scripts they stand still.
func WritePage(out string, entries []Entry) (string, error) {
	if err := WriteJSON(filepath.Join(out, ClaimsFile), Claims(entries)); err != nil {
		return "", err
	}
	page := filepath.Join(out, PageFile)
	return page, writeHTML(page, func(w io.Writer) error { return render(w, entries) })
}

// writeHTML writes a page whose words, which a result may have from anywhere,
// are shown as they are: none ends a line or turns the direction of reading.
func writeHTML(path string, write func(io.Writer) error) error {
	return run.WriteFile(path, func(w io.Writer) error {
		shown := visible.NewWriter(w)
		return errors.Join(write(shown), shown.Flush())
	})
}

// parts are what every page is made with: its style, the script of its figures
// and their still pictures.
func parts() (template.FuncMap, error) {
	style, err := assets.ReadFile("page.css")
	return template.FuncMap{
		"picture": picture, "marked": marked, "sentence": sentence,
		"first": func(verdict string) string {
			return strings.TrimSpace(firstSentence.FindString(verdict))
		},
		"rest": func(verdict string) string { return firstSentence.ReplaceAllString(verdict, "") },
		"style": func() template.CSS {
			return template.CSS(append(figureStyle(), style...))
		},
		"script": func() template.JS { return template.JS(figureScript) },
	}, err
}

func render(w io.Writer, entries []Entry) error {
	own, err := parts()
	if err != nil {
		return err
	}
	t, err := template.New("page.html").Funcs(own).Funcs(template.FuncMap{
		"how": how, "bar": drawBar, "evidence": evidence,
		"statement": func(c outcome.Claim) template.HTML {
			found, _ := Finding(c.Statement)
			return marked(sentence(found))
		},
		"measure": func(c outcome.Claim) string {
			_, measure := Finding(c.Statement)
			return measure
		},
		"basis": func(c outcome.Claim) string {
			if c.Tolerance == 0 && c.Interval == (outcome.Interval{}) {
				return "How it is compared:"
			}
			return "What the interval is:"
		},
		"example": func() template.HTML { return drawBar(exampleClaim()) },
		"compact": func(document json.RawMessage) (string, error) {
			var b bytes.Buffer
			err := json.Compact(&b, document)
			return b.String(), err
		},
		"mib": func(bytes uint64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) },
	}).ParseFS(assets, "page.html")
	if err != nil {
		return err
	}
	claims := Claims(entries)
	verdict, err := Verdict(claims)
	if err != nil {
		return err
	}
	return t.Execute(w, map[string]any{
		"Entries": entries, "Verdict": verdict, "Conditions": DescribeConditions(entries),
		"Mixed":   len(ByConditions(entries)) > 1,
		"Failing": failing(claims),
	})
}

// firstSentence is what stands before the first full stop that another sentence follows.
var firstSentence = regexp.MustCompile(`^.*?\.(?: |$)|^.+$`)

// exampleClaim is the claim whose bar explains the others.
func exampleClaim() outcome.Claim {
	return outcome.Claim{Relation: outcome.AtMost, Measured: 0.9, Predicted: 1, Pass: true,
		Interval: outcome.Interval{Low: 0.7, Mean: 0.8, High: 0.9}}
}

// picture is the figure as SVG to be set into the page.
func picture(f figure.Figure) (template.HTML, error) {
	var b bytes.Buffer
	if err := Draw(&b, f, "svg", Paper); err != nil {
		return "", err
	}
	_, svg, found := bytes.Cut(b.Bytes(), []byte("<svg")) // drop the XML prologue
	if !found {
		return "", fmt.Errorf("figure %q: no SVG was drawn", f.Title)
	}
	label := template.HTMLEscapeString(spoken(f.Title + ". " + f.Caption))
	return template.HTML(`<svg role="img" aria-label="` + label + `"` + string(svg)), nil
}

// Number writes a number for people, to six digits.
func Number(x float64) string { return figure.Text(x) }
