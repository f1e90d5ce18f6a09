package report

import (
	"strings"

	"icar/outcome"
)

// group are the claims of one experiment that one author makes.
type group struct {
	Title  string // "Of the paper"
	Claims []outcome.Claim
}

// Groups are the claims of an experiment by who makes them, the paper's first.
func (e Entry) Groups() ([]group, error) {
	by := map[outcome.Author][]outcome.Claim{}
	for _, c := range e.Claims {
		author, err := c.Author()
		if err != nil {
			return nil, err
		}
		by[author] = append(by[author], c)
	}
	var all []group
	for _, author := range outcome.Authors() {
		if claims := by[author]; len(claims) > 0 {
			title := whose[author]
			all = append(all, group{strings.ToUpper(title[:1]) + title[1:], claims})
		}
	}
	return all, nil
}

// FigureOf is the id on the page of the figure that shows a claim, "" if there is none: the one
// that the claim names, else the experiment's first.
func (e Entry) FigureOf(c outcome.Claim) string {
	for i := range e.Figures {
		if e.Figures[i].Name == c.Figure {
			return e.FigureID(i)
		}
	}
	if len(e.Figures) > 0 {
		return e.FigureID(0)
	}
	return ""
}

// FigureID is the id on the page of figure i of an experiment.
func (e Entry) FigureID(i int) string {
	id := "figure-" + e.Name
	if name := e.Figures[i].Name; name != "" {
		id += "-" + name
	}
	return id
}

// Verdict is how many of the claims of one experiment hold.
func (e Entry) Verdict() (string, error) { return Verdict(e.Claims) }

// failing are the claims that do not hold, in order.
func failing(claims []outcome.Claim) (all []outcome.Claim) {
	for _, c := range claims {
		if !c.Pass {
			all = append(all, c)
		}
	}
	return all
}
