package command

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"icar/ar"
	"icar/outcome"
	"icar/probe"
	"icar/protocol"
	"icar/sequence"
	"icar/setting"
	"icar/train"
)

// foreignFlags say what is probed in place of a run.
type foreignFlags struct {
	states, fit, predictions, maps, hidden, w string
	total                                     bool
	program, of                               string
	timeout                                   time.Duration
}

// asked reports whether something is probed in place of a run.
func (f foreignFlags) asked() bool { return f.program != "" || f.predictions != "" }

// addForeign makes the flags, of a law's settings too.
func (h *house) addForeign(c *cobra.Command, f *foreignFlags) {
	flags := c.Flags()
	flags.StringVar(&f.states, "states", "", "a .npy `file` of sequences of your own, (N, T+1, d)")
	flags.StringVar(&f.predictions, "predictions", "", "a .npy `file` of a model's predictions "+
		"of s_2 … s_{T+1} of the states, (N, T, d)")
	flags.StringVar(&f.maps, "maps", "", "a .npy `file` of its in-context maps, (N, T, d, d), "+
		"with the predictions")
	flags.BoolVar(&f.total, "total", false, "the maps are total derivatives in s_T, as "+
		"differentiating the whole model gives")
	flags.StringVar(&f.hidden, "hidden", "", "a .npy `file` of what its layers pass on, (L, N, "+
		"T, D), with the predictions")
	flags.StringVar(&f.w, "w", "", "a .npy `file` of the hidden matrices of the states, (N, d, d)")
	flags.StringVar(&f.fit, "fit", "", "a .npy `file` of other sequences of the same law, to fit "+
		"estimators on")
	flags.StringVar(&f.program, "program", "", "the `command` of a model that predicts, see "+
		"docs/protocol.md")
	flags.DurationVar(&f.timeout, "timeout", protocol.Timeout, "longest `time` that the program "+
		"may take over a batch")
	flags.StringVar(&f.of, "of", "", "the `directory` of a run on whose test sequences to ask the "+
		"program")
	addSettings(flags, lawKeys(h.catalogue.SequenceKeys()))
}

// lawKeys leaves out the tokens, which are of a model.
func lawKeys(keys []setting.Key) []setting.Key {
	return slices.DeleteFunc(keys, func(k setting.Key) bool { return k.Name == "tokens" })
}

// check refuses flags that do not go together.
func (h *house) checkForeign(c *cobra.Command, args []string, f foreignFlags) error {
	changed := func(names ...string) string {
		for _, name := range names {
			if c.Flags().Changed(name) {
				return name
			}
		}
		return ""
	}
	var laws []string
	for _, k := range lawKeys(h.catalogue.SequenceKeys()) {
		laws = append(laws, k.Name)
	}
	law := changed(append(laws, "of")...)
	switch {
	case changed("program") != "" && strings.TrimSpace(f.program) == "":
		return errors.New(`--program is empty: name a command, as in --program "python3 model.py"`)
	case !f.asked():
		if name := changed(append(laws, "states", "maps", "total", "hidden", "w", "fit", "timeout",
			"of")...); name != "" {
			return fmt.Errorf("--%s is for a model of another make: name it with --predictions "+
				"or --program, or leave it out", name)
		}
		return exactly(1, "a run: icar probe RUN")(c, args)
	case len(args) > 0:
		return fmt.Errorf("the run %s and a model of another make are two: leave one out", args[0])
	case f.program != "" && f.predictions != "":
		return errors.New("--program and --predictions are two models: leave one out")
	case changed("sequence") != "":
		return errors.New("--sequence is for a run: leave it out, or use --states")
	case changed("over-training") != "":
		return errors.New("--over-training is for a run that kept checkpoints: leave it out")
	case f.predictions != "" && f.states == "":
		return errors.New("--predictions needs the states that they are of: give --states FILE.npy")
	case f.states != "" && law != "":
		return fmt.Errorf("--states and --%s both give sequences: leave one out", law)
	case f.states == "" && changed("w", "fit") != "":
		return fmt.Errorf("--%s goes with --states: leave it out", changed("w", "fit"))
	case f.states != "" && changed("sequences") != "":
		return errors.New("--sequences is for a law: all of --states are taken, leave it out")
	case f.program != "" && changed("maps", "total") != "":
		return fmt.Errorf("--%s goes with --predictions: leave it out, the maps of a program are "+
			"finite differences",
			changed("maps", "total"))
	case f.program != "" && changed("hidden") != "":
		return errors.New("--hidden goes with --predictions: leave it out, a program answers " +
			"with predictions alone")
	case f.predictions != "" && changed("timeout") != "":
		return errors.New("--timeout goes with --program: leave it out")
	case f.total && f.maps == "":
		return errors.New("--total says what --maps are: give them, or leave it out")
	case f.timeout <= 0:
		return fmt.Errorf("--timeout %v is not positive: use 2m", f.timeout)
	}
	return nil
}

// foreignDocument is what docs/json.md describes.
type foreignDocument struct {
	Version   int               `json:"version"`
	Program   string            `json:"program,omitempty"`
	States    string            `json:"states,omitempty"`
	Predicted string            `json:"predicted,omitempty"` // file of predictions
	Fit       string            `json:"fit,omitempty"`
	Maps      string            `json:"maps,omitempty"`
	Hidden    string            `json:"hidden,omitempty"`
	W         string            `json:"w,omitempty"`
	Law       map[string]string `json:"law,omitempty"` // settings
	Analysis  probe.Analysis    `json:"analysis"`
}

// probeForeign analyses a model of another make.
func (h *house) probeForeign(c *cobra.Command, f probeFlags) error {
	document := foreignDocument{Version: outcome.DocumentVersion, Program: f.foreign.program,
		States: f.foreign.states, Predicted: f.foreign.predictions, Fit: f.foreign.fit,
		Maps: f.foreign.maps, Hidden: f.foreign.hidden, W: f.foreign.w}
	if f.out == "" {
		f.out = filepath.Join("icar-probe", f.foreign.name())
	}
	if err := ownFolder(f.out, analysisFile, subject{Program: f.foreign.program,
		Predicted: f.foreign.predictions}); err != nil {
		return badInput(err)
	}
	on, err := h.foreignSequences(c, f)
	if err != nil {
		return err
	}
	document.Law = on.law
	var a probe.Analysis
	if f.foreign.program != "" {
		a, err = f.foreign.askProgram(c, on)
	} else {
		a, err = f.foreign.readArrays(c.Context(), on)
	}
	if err != nil {
		return err
	}
	if err := prepare(f.out); err != nil {
		return runFailed(err)
	}
	document.Analysis = a
	about := fmt.Sprintf("The predictions of %s, looked at on %d sequences. %s",
		f.foreign.subject(), a.Sequences, on.how)
	return ofAnalysis(document, a, about).publish(c, f.out, f.style, f.asJSON)
}

func (f foreignFlags) subject() string {
	if f.program != "" {
		return "the program " + f.program
	}
	return f.predictions
}

// name is that of the folder of a model: of its predictions, or of the last word of
// its program's command, as model of "python3 models/model.py".
func (f foreignFlags) name() string {
	of := f.predictions
	if words := strings.Fields(f.program); len(words) > 0 {
		of = words[len(words)-1]
	}
	if name := stem(of); name != "" && name != "." && name != ".." {
		return name
	}
	return "program"
}

// foreign are the sequences that a model of another make is looked at on.
type foreign struct {
	probe.Given
	all ar.Batch[float64] // of the file of states
	law map[string]string // settings, of a law
	how string            // they came about, for the page
	end func()            // of the progress that is shown
}

// mostDetailed and inMemory bound the sequences of a law, and their numbers, that are
// held at a time: all is found out on these, errors and distances of predictions on
// further ones too, as many at a time.
const mostDetailed, inMemory = 1024, 1 << 20

// piece is the number of sequences of such a size that are held at a time.
func piece(length, d int) int {
	n := min(mostDetailed, inMemory/((length+1)*d))
	return max(ar.BlockSize, n/ar.BlockSize*ar.BlockSize)
}

// foreignSequences reads the sequences, or draws those of a law.
func (h *house) foreignSequences(c *cobra.Command, f probeFlags) (foreign, error) {
	if f.foreign.states == "" {
		return h.lawSequences(c, f)
	}
	s, err := sequence.ReadParted(f.foreign.states, f.foreign.fit)
	if err != nil {
		return foreign{}, badInput(err)
	}
	if s.Fitting.N == 0 {
		return foreign{}, badInput(fmt.Errorf("%s has a single sequence, and estimators are "+
			"fitted on others: save more, or give others with --fit",
			f.foreign.states))
	}
	if path := f.foreign.w; path != "" {
		d := s.All.D
		w, err := sequence.ReadArray(path, "the hidden matrices of "+f.foreign.states, s.All.N, d, d)
		if err != nil {
			return foreign{}, badInput(err)
		}
		for n := range s.All.N {
			s.All.Contexts[n].W = w[n*d*d : (n+1)*d*d]
		}
	}
	return foreign{Given: probe.Given{Test: s.Test, Fitting: s.Fitting}, all: s.All, how: s.How,
		end: func() {}}, nil
}

// lawSequences draws the sequences of a law: its first ones, and pieces of the others.
func (h *house) lawSequences(c *cobra.Command, f probeFlags) (foreign, error) {
	config, err := h.lawConfig(c, f)
	if err != nil {
		return foreign{}, err
	}
	size := piece(config.Length, config.D)
	given, err := probe.Draw(config, min(f.sequences, size))
	if err != nil {
		return foreign{}, usage(err)
	}
	on := foreign{Given: given, law: drawnBy(config, lawKeys(config.SequenceKeys())),
		how: "Estimators are fitted on training sequences of the same law.", end: func() {}}
	if f.sequences <= size {
		return on, nil
	}
	bar := newProgress(c.ErrOrStderr())
	done := bar.bar("probe", (f.sequences-1)/size)
	on.end = func() { done.abort(); bar.wait() }
	on.More = func(yield func(ar.Batch[float64], error) bool) {
		for s, err := range train.Pieces(config, train.TestStream, size, f.sequences, size) {
			if !yield(s, err) {
				return
			}
			done.step()
		}
	}
	on.how += fmt.Sprintf(" Errors and predictions are over all %d sequences, all else is over the "+
		"first %d.",
		f.sequences, size)
	return on, nil
}

// lawConfig are the settings of a law, from flags or from a run.
func (h *house) lawConfig(c *cobra.Command, f probeFlags) (train.Config, error) {
	config := h.catalogue.Config()
	settings := given(c.Flags(), lawKeys(h.catalogue.SequenceKeys()))
	if f.foreign.of != "" {
		if len(settings) > 0 {
			return config, usage(fmt.Errorf("--%s is a setting of the run %s: leave it out, or "+
				"leave --of out",
				settings[0].Key, f.foreign.of))
		}
		return h.runConfig(f.foreign.of)
	}
	if err := config.Assign(settings...); err != nil {
		return config, usage(err)
	}
	if config.Length < 1 || config.D < 1 {
		return config, usage(fmt.Errorf("sequences of T = %d states of d = %d: use positive numbers",
			config.Length, config.D))
	}
	return config, nil
}

// runConfig are the settings of a run.
func (h *house) runConfig(path string) (config train.Config, err error) {
	if _, config, err = h.catalogue.ReadRun(path); err != nil {
		return config, badInput(err)
	}
	return config, nil
}

// askProgram analyses what a program predicts, with finite differences for its maps.
func (f foreignFlags) askProgram(c *cobra.Command, on foreign) (a probe.Analysis, err error) {
	p, err := protocol.Start(c.Context(), protocol.Options{Words: strings.Fields(f.program),
		Timeout: f.timeout, Stderr: c.ErrOrStderr()})
	if err != nil {
		return a, badInput(fmt.Errorf("--program: %w", err))
	}
	defer func() {
		on.end()
		if closed := p.Close(); err == nil && closed != nil {
			err = programFailed(closed)
		}
	}()
	a, err = probe.Analyse(c.Context(), probe.Differences{Predictor: p}, on.Given)
	if err != nil {
		return a, programFailed(err)
	}
	return a, nil
}

// programFailed gives an error its exit code: an answer that is none is bad input.
func programFailed(err error) error {
	if errors.Is(err, protocol.ErrAnswer) {
		return badInput(err)
	}
	return runFailed(err)
}

// readArrays analyses what was saved of a model.
func (f foreignFlags) readArrays(ctx context.Context, on foreign) (a probe.Analysis, err error) {
	n, t, d := on.all.N, on.all.T, on.all.D
	arrays := probe.Arrays{Sequences: on.all, Total: f.total}
	arrays.Predictions, err = sequence.ReadArray(f.predictions,
		"predictions of s_2 … s_{T+1} of "+f.states, n, t, d)
	if err == nil && f.maps != "" {
		arrays.Gamma, err = sequence.ReadArray(f.maps, "maps of "+f.states, n, t, d, d)
	}
	if err == nil && f.hidden != "" {
		arrays.Hidden, err = sequence.ReadHidden(f.hidden, n, t)
	}
	if err != nil {
		return a, badInput(err)
	}
	model := probe.Predictor(arrays)
	if f.hidden != "" {
		model = arrays.Layers()
	}
	a, err = probe.Analyse(ctx, model, on.Given)
	if err != nil { // what was read is at fault
		return a, badInput(err)
	}
	return a, nil
}
