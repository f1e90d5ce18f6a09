package report

import (
	"testing"

	"icar/figure"
	"icar/outcome"
)

// Claims stand under who makes them, in the order of the authors, and each leads to the figure
// that it names or to the first.
func TestClaimsAreGroupedByAuthor(t *testing.T) {
	e := Entry{Outcome: outcome.Outcome{Name: "fig6",
		Figures: []figure.Figure{{}, {Name: "cosines"}},
		Claims: []outcome.Claim{{ID: "a", Source: "ours", Figure: "cosines"},
			{ID: "b", Source: "Fig. 6"}, {ID: "c", Source: "ours", Figure: "lost"},
			{ID: "d", Source: "after Fu et al. 2024"}, {ID: "e", Source: "Prop. 2"}}}}
	groups, err := e.Groups()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, g := range groups {
		got += g.Title + ":"
		for _, c := range g.Claims {
			got += " " + c.ID + " " + e.FigureOf(c)
		}
		got += "\n"
	}
	want := "Of the paper: b figure-fig6 e figure-fig6\nAfter other papers: d figure-fig6\n" +
		"Of our own: a figure-fig6-cosines c figure-fig6\n"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	e.Claims[1].Pass, e.Claims[3].Pass = true, true
	if left := failing(e.Claims); len(left) != 3 || left[0].ID+left[1].ID+left[2].ID != "ace" {
		t.Errorf("%+v fail", left)
	}
	e.Figures = nil
	if id := e.FigureOf(e.Claims[0]); id != "" {
		t.Errorf("without figures a claim leads to %s", id)
	}
	e.Claims[0].Source = "nobody"
	if _, err := e.Groups(); err == nil {
		t.Error("a claim of nobody is grouped")
	}
}

func TestSentences(t *testing.T) {
	for text, want := range map[string]string{
		"depth lowers the error":  "Depth lowers the error.",
		"d = 2: dense weights":    "d = 2: dense weights.",
		"κ = 1 for every pair":    "κ = 1 for every pair.",
		"C = BᵀA is a projector.": "C = BᵀA is a projector.",
		"a W learnt":              "A W learnt.",
		"is it?":                  "Is it?",
		"":                        "",
	} {
		if got := sentence(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	found, measure := Finding("width 1x: heads help: ratio of errors (mean 0.7)")
	if found != "width 1x: heads help" || measure != "ratio of errors (mean 0.7)" {
		t.Errorf("%q, %q", found, measure)
	}
	if found, measure = Finding("no colon"); found != "no colon" || measure != "" {
		t.Errorf("%q, %q", found, measure)
	}
}
