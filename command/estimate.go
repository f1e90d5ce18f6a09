package command

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"icar/outcome"
	"icar/probe"
	"icar/report"
	"icar/sequence"
)

type estimateFlags struct {
	fit, out string
	asJSON   bool
	style    report.Style
}

func newEstimate() *cobra.Command {
	var f estimateFlags
	c := &cobra.Command{
		Use:   "estimate FILE.npy",
		Short: "Run all classical estimators on sequences of your own, without a model",
		Long: `Predict every next state of sequences of your own with the classical in-context
estimators, and find out which is best, and where it can be told from the others.
FILE.npy holds states (N, T+1, d), or (T+1, d) of a single sequence.

Step sizes, matrices and the λ of ridge regression are fitted on the first half of
the sequences, 512 at most, and the errors are those on the rest; with --fit FILE
they are fitted on the sequences of that file. docs/own-data.md says what each
number means.`,
		Example: `  icar estimate mine.npy
  icar estimate test.npy --fit train.npy --json`,
		Args: exactly(1, "a file of states: icar estimate FILE.npy"),
		RunE: func(c *cobra.Command, args []string) error { return estimate(c, args[0], f) },
	}
	c.Flags().StringVar(&f.fit, "fit", "", "a .npy `file` of other sequences of the same law, to "+
		"fit on")
	c.Flags().StringVar(&f.out, "out", "", "the `folder` to write: estimate.json, the figure and "+
		"report.html (default icar-estimate/FILE)")
	addStyle(c.Flags(), &f.style)
	c.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document instead of the tables")
	return c
}

// estimateDocument is what docs/json.md describes.
type estimateDocument struct {
	Version int           `json:"version"`
	File    string        `json:"file"`
	Fit     string        `json:"fit,omitempty"`
	Contest probe.Contest `json:"contest"`
}

func estimate(c *cobra.Command, path string, f estimateFlags) error {
	s, err := sequence.ReadParted(path, f.fit)
	if err != nil {
		return badInput(err)
	}
	if f.out == "" {
		f.out = filepath.Join("icar-estimate", stem(path))
	}
	if err := ownFolder(f.out, contestFile, subject{File: path}); err != nil {
		return badInput(err)
	}
	if err := prepare(f.out); err != nil {
		return runFailed(err)
	}
	contest, err := probe.Compete(c.Context(), s.Fitting, s.Test)
	if err != nil {
		return runFailed(err)
	}
	return article{
		file: contestFile, document: estimateDocument{outcome.DocumentVersion, path, f.fit, contest},
		said: []string{contest.Summary(), s.How},
		page: report.Article{
			Title:   "Who predicts these sequences best?",
			Verdict: contest.Summary(),
			Lead: fmt.Sprintf("Sequences of %s, %d states of %d numbers each. %s", path,
				s.Test.T+1, s.Test.D, s.How),
			Sections: contest.Sections(),
		},
		figures: contest.Figures(),
	}.publish(c, f.out, f.style, f.asJSON)
}
