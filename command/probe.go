package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"icar/outcome"
	"icar/probe"
	"icar/report"
	"icar/run"
	"icar/train"
)

type probeFlags struct {
	out, sequence string
	sequences     int
	overTraining  bool
	asJSON        bool
	style         report.Style
	foreign       foreignFlags
}

// mostSequences is the largest number of sequences of a run, which are held in memory,
// and mostOfProgram that of a program, which are not.
const mostSequences, mostOfProgram = 1 << 16, 100_000_000

func (h *house) newProbe() *cobra.Command {
	var f probeFlags
	c := &cobra.Command{
		Use:   "probe [RUN]",
		Short: "Take the in-context algorithm out of a trained model of any make",
		Long: `Find out what the model of a run has learnt: the matrix Γ that it makes of its
context, beside W and beside the maps of the classical estimators; which
iteration of which algorithm each layer is like, with controls; its heads,
positions and attention; what it cannot do without. docs/probing.md says what
each number means and what may be concluded from it.

With --sequence the model predicts the next tokens of a sequence of your own,
a (T, d) array in NumPy's .npy format, and each estimator does so beside it.

A model of another make is probed by what it predicts. With --predictions that
was saved: p.npy (N, T, d) of the sequences s.npy (N, T+1, d). With --program it
is asked: the program reads sequences as .npy arrays on its standard input and
writes predictions on its standard output, of --states or of a law, whose settings
are those of icar sample. docs/protocol.md is the contract. What a model does not
offer is left out by name.`,
		Example: `  icar probe runs/1a2b3c4d
  icar probe runs/1a2b3c4d --sequence mine.npy
  icar probe --over-training runs/1a2b3c4d
  icar probe --states s.npy --predictions p.npy
  icar probe --program "python3 model.py" --family rotation --d 4 --length 16`,
		Args: func(c *cobra.Command, args []string) error {
			return usageOf(h.checkForeign(c, args, f.foreign))
		},
		RunE: func(c *cobra.Command, args []string) error {
			most := mostSequences
			if f.foreign.program != "" {
				most = mostOfProgram
			}
			if f.sequences < 40 || f.sequences > most {
				return usage(fmt.Errorf("--sequences %d is not from 40 to %d: use 256", f.sequences,
					most))
			}
			if f.foreign.asked() {
				return h.probeForeign(c, f)
			}
			if f.overTraining {
				return h.probeTraining(c, args[0], f)
			}
			model, err := h.openRun(args[0])
			if err != nil {
				return badInput(err)
			}
			if f.out == "" {
				f.out = probeFolder(args[0], f.sequence)
			}
			document := analysisFile
			if f.sequence != "" {
				document = sequenceFile
			}
			if err := ownFolder(f.out, document,
				subject{Run: args[0], Sequence: f.sequence}); err != nil {
				return badInput(err)
			}
			if f.sequence != "" {
				return probeSequence(c, args[0], model, f)
			}
			return probeModel(c, args[0], model, f)
		},
	}
	c.Flags().StringVar(&f.out, "out", "",
		"the `folder` to write: analysis.json, the figures and report.html (default "+
			"icar-probe/RUN, with --sequence icar-probe/RUN-FILE)")
	c.Flags().StringVar(&f.sequence, "sequence", "",
		"a .npy `file` of a sequence of your own, (T, d)")
	c.Flags().BoolVar(&f.overTraining, "over-training", false,
		"look at all steps that a run trained with keep_every has kept, not the last alone")
	c.Flags().IntVar(&f.sequences, "sequences", 256, "test sequences to average over")
	addStyle(c.Flags(), &f.style)
	c.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document instead of the tables")
	h.addForeign(c, &f.foreign)
	return c
}

// usageOf is usage of an error that may be nil.
func usageOf(err error) error {
	if err == nil {
		return nil
	}
	return usage(err)
}

func probeModel(c *cobra.Command, path string, model *probe.Model, f probeFlags) error {
	unfinished, err := unfinished(path, model.Config)
	if err != nil {
		return badInput(err)
	}
	given, err := model.Given(f.sequences)
	if err != nil {
		return fileFailed(err)
	}
	if err := prepare(f.out); err != nil {
		return runFailed(err)
	}
	a, err := model.AnalyseOn(c.Context(), given)
	if err != nil {
		return runFailed(err)
	}
	a.Unfinished = unfinished
	document := probeDocument{Version: outcome.DocumentVersion, Run: path, Analysis: a}
	return ofAnalysis(document, a, fmt.Sprintf("The model of %s, taken apart on %d sequences of "+
		"%s. The paper's idea: from the context a Transformer makes a matrix Γ, then it predicts Γ s.",
		path, a.Sequences, testedOn(model.Config))).publish(c, f.out, f.style, f.asJSON)
}

// testedOn says where the test sequences of a run are from.
func testedOn(c train.Config) string {
	switch {
	case c.Data == "":
		return "its process"
	case c.TestData != "":
		return c.TestData + ", held out"
	}
	return c.Data + ", held out"
}

// fileFailed gives an error its exit code: what is wrong with a file of sequences is bad
// input.
func fileFailed(err error) error {
	if errors.As(err, new(train.FileError)) {
		return badInput(err)
	}
	return runFailed(err)
}

// unfinished says how far a run has come that is not at its end, and of which step its
// weights are; "" of one that is complete.
func unfinished(path string, c train.Config) (string, error) {
	r, err := run.Read(path)
	if err != nil || r.State == run.Complete {
		return "", err
	}
	last, err := r.Last()
	if err != nil {
		return "", err
	}
	how := map[run.State]string{run.Diverged: "has diverged",
		run.Running: "is still trained,"}[r.State]
	if how == "" {
		how = "was stopped"
	}
	return fmt.Sprintf("the run %s after %d of %d steps, and these are the weights of step %d",
		how, len(r.Metrics), c.Steps(), last.Step), nil
}

// probeDocument is what docs/json.md describes.
type probeDocument struct {
	Version  int            `json:"version"`
	Run      string         `json:"run"`
	Analysis probe.Analysis `json:"analysis"`
}
