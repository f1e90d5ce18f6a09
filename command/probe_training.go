package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"icar/outcome"
	"icar/probe"
	"icar/report"
)

// trainingFile is the document of a folder of icar probe --over-training.
const trainingFile = "over-training.json"

// trainingDocument is what docs/json.md describes.
type trainingDocument struct {
	Version  int            `json:"version"`
	Run      string         `json:"run"`
	Training probe.Training `json:"training"`
}

// probeTraining looks at the model of a run at the steps that it has kept.
func (h *house) probeTraining(c *cobra.Command, path string, f probeFlags) error {
	if f.sequence != "" {
		return usage(errors.New("--over-training measures on the run's own sequences: leave " +
			"--sequence out"))
	}
	last, err := h.openRun(path)
	if err != nil {
		return badInput(err)
	}
	moments, err := probe.Moments(path, h.catalogue)
	if err != nil {
		return badInput(err)
	}
	if f.out == "" {
		f.out = probeFolder(path, "") + "-training"
	}
	if err := ownFolder(f.out, trainingFile, subject{Run: path}); err != nil {
		return badInput(err)
	}
	given, err := last.Given(f.sequences)
	if err != nil {
		return fileFailed(err)
	}
	if err := prepare(f.out); err != nil {
		return runFailed(err)
	}
	training, err := probe.OverTraining(c.Context(), moments, given)
	if err != nil {
		return runFailed(err)
	}
	return article{
		file: trainingFile, document: trainingDocument{outcome.DocumentVersion, path, training},
		said: []string{training.Summary()},
		page: report.Article{
			Title:   "What did it learn, and when?",
			Verdict: training.Summary(),
			Lead: fmt.Sprintf("The model of %s at %d steps of its training, on %d of its test "+
				"sequences.", path, len(moments), training.Sequences),
			Sections: training.Sections(),
		},
		figures: training.Figures(),
	}.publish(c, f.out, f.style, f.asJSON)
}
