package command

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"icar/experiment"
	"icar/internal/visible"
	"icar/outcome"
	"icar/report"
	"icar/run"
)

// printClaims prints the claims of the experiments that were run, how many
// hold, and what else the page holds.
func printClaims(out io.Writer, entries, all []report.Entry, page string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tCLAIM\tSOURCE\tMEASURED\tHAS TO BE\tWHAT IT SAYS")
	for _, claim := range report.Claims(entries) {
		mark := "FAIL"
		if claim.Pass {
			mark = "ok"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", mark, visible.Text(claim.ID),
			visible.Text(claim.Source),
			report.Number(claim.Measured.Float()), report.Demand(claim),
			visible.Text(beginning(claim.Statement)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	sentence, err := report.Verdict(report.Claims(entries))
	if err != nil {
		return err
	}
	absolute, err := filepath.Abs(page)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s; %s.\n", sentence, report.DescribeConditions(entries))
	if kept := beside(all, entries); len(kept) > 0 {
		earlier, err := report.Verdict(report.Claims(kept))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "The report also holds what ran before. %s; %s.\n", earlier,
			visible.Text(report.DescribeConditions(kept)))
	}
	_, err = fmt.Fprintf(out, "Report: %s\n", visible.Text(absolute))
	return err
}

// beside returns the entries of all whose experiments are not among run.
func beside(all, run []report.Entry) (kept []report.Entry) {
	for _, e := range all {
		if !slices.ContainsFunc(run, func(r report.Entry) bool { return r.Name == e.Name }) {
			kept = append(kept, e)
		}
	}
	return kept
}

// longest is how many characters of a statement stand in the table.
const longest = 90

// beginning returns the finding of a statement, cut to whole words.
func beginning(statement string) string {
	statement, _ = report.Finding(statement)
	letters := []rune(statement)
	if len(letters) <= longest {
		return statement
	}
	cut := string(letters[:longest])
	if i := strings.LastIndex(cut, " "); i > 0 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,:;") + " …"
}

// printReproduceJSON prints the document that docs/json.md describes.
func printReproduceJSON(out io.Writer, o experiment.Options, entries []report.Entry,
	claims []outcome.Claim) error {
	type item struct {
		Name    string       `json:"name"`
		Source  string       `json:"source"`
		Summary string       `json:"summary"`
		Cost    outcome.Cost `json:"cost"`
	}
	tally, err := report.TallyClaims(claims)
	if err != nil {
		return err
	}
	items := make([]item, len(entries))
	for i, e := range entries {
		items[i] = item{e.Name, e.Source, e.Summary, e.Cost}
	}
	program, _ := run.Program() // "" is no identity
	return printJSON(out, struct {
		Version     int             `json:"version"`
		Program     string          `json:"program,omitempty"`
		Seed        uint64          `json:"seed"`
		Scale       outcome.Scale   `json:"scale"`
		Experiments []item          `json:"experiments"`
		Tally       []report.Tally  `json:"tally"`
		Claims      []outcome.Claim `json:"claims"`
	}{outcome.DocumentVersion, program, o.Seed, o.Scale, items, tally, claims})
}

// named is how many failed claims an error names.
const named = 5

func verdict(claims []outcome.Claim) error {
	var failed []string
	for _, c := range claims {
		if !c.Pass {
			failed = append(failed, c.ID)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	names := strings.Join(failed[:min(named, len(failed))], ", ")
	if more := len(failed) - named; more > 0 {
		names = fmt.Sprintf("%s and %d more, see the report", names, more)
	}
	return failure{exitClaimFailed,
		fmt.Errorf("%d of %d claims failed: %s", len(failed), len(claims), names)}
}
