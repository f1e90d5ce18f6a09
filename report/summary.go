package report

import (
	"fmt"
	"slices"
	"strings"

	"icar/outcome"
)

// Tally counts the claims of one author.
type Tally struct {
	Author outcome.Author `json:"author"`
	Passed int            `json:"passed"`
	Total  int            `json:"total"`
}

// TallyClaims counts the claims by who makes them, in the order of
// [experiment.Authors]; who makes none is left out.
func TallyClaims(claims []outcome.Claim) ([]Tally, error) {
	count := map[outcome.Author]*Tally{}
	for _, c := range claims {
		author, err := c.Author()
		if err != nil {
			return nil, err
		}
		if count[author] == nil {
			count[author] = &Tally{Author: author}
		}
		if count[author].Total++; c.Pass {
			count[author].Passed++
		}
	}
	all := []Tally{} // an empty array in JSON, not null
	for _, author := range outcome.Authors() {
		if t := count[author]; t != nil {
			all = append(all, *t)
		}
	}
	return all, nil
}

// whose names the author of claims in a sentence.
var whose = map[outcome.Author]string{
	outcome.ByPaper: "of the paper", outcome.ByOthers: "after other papers",
	outcome.ByUs: "of our own",
}

// Verdict is the sentence that says how many claims hold, those of the paper
// and ours apart: "7 of 8 claims hold: 4 of 4 of the paper, 3 of 4 of our own".
func Verdict(claims []outcome.Claim) (string, error) {
	tallies, err := TallyClaims(claims)
	passed := 0
	var parts []string
	for _, t := range tallies {
		passed += t.Passed
		parts = append(parts, fmt.Sprintf("%d of %d %s", t.Passed, t.Total, whose[t.Author]))
	}
	sentence := fmt.Sprintf("%d of %d claims hold", passed, len(claims))
	if len(parts) > 0 {
		sentence += ": " + strings.Join(parts, ", ")
	}
	return sentence, err
}

// Demand is what a measured value has to be: "= 886", "= 1 ± 0.02",
// "≤ 0 + 0.1", "≥ 0 + 0.04" for a value that has to exceed 0 by a margin.
func Demand(c outcome.Claim) string {
	sign, give := "=", "±"
	tolerance := c.Tolerance
	switch c.Relation {
	case outcome.AtMost:
		sign, give = "≤", "+"
	case outcome.AtLeast:
		sign, give = "≥", "-"
	}
	if tolerance < 0 { // no allowance but a margin, on the other side of what is predicted
		tolerance = -tolerance
		give = map[string]string{"+": "-", "-": "+"}[give]
	}
	demand := sign + " " + Number(c.Predicted)
	if tolerance != 0 {
		demand += " " + give + " " + Number(tolerance)
	}
	return demand
}

// Conditions are what experiments of a folder were run under.
type Conditions struct {
	How   string   // "quick scale, seed 0", with the settings that were overridden
	Names []string // of the experiments
}

// how says under which conditions an experiment was run.
func how(e Entry) string {
	text := fmt.Sprintf("%s scale, seed %d", e.Scale, e.Seed)
	for i, s := range e.Settings {
		text += []string{" with ", " and "}[min(i, 1)] + s.Key + " = " + s.Value
	}
	return text
}

// ByConditions groups the experiments that were run alike, those of most
// experiments first.
func ByConditions(entries []Entry) []Conditions {
	var all []Conditions
	for _, e := range entries {
		i := slices.IndexFunc(all, func(c Conditions) bool { return c.How == how(e) })
		if i < 0 {
			i = len(all)
			all = append(all, Conditions{How: how(e)})
		}
		all[i].Names = append(all[i].Names, e.Name)
	}
	slices.SortStableFunc(all, func(a, b Conditions) int { return len(b.Names) - len(a.Names) })
	return all
}

// DescribeConditions is one line: "quick scale, seed 0", and where experiments
// differ "quick scale, seed 0 (fig5, fig7); paper scale, seed 1 (fig6)".
func DescribeConditions(entries []Entry) string {
	groups := ByConditions(entries)
	var parts []string
	for _, g := range groups {
		part := g.How
		if len(groups) > 1 {
			part += " (" + strings.Join(g.Names, ", ") + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}
