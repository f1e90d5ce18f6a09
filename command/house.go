package command

import (
	"errors"
	"fmt"
	"regexp"

	"icar/ar"
	"icar/experiment"
	"icar/internal/suggest"
	"icar/nn"
	"icar/train"
)

// house is what the words of a command line stand for in this binary.
type house struct {
	experiments []experiment.Experiment // in the order of the report
	catalogue   *train.Catalogue        // what settings name: laws, tokens, mixers
	cards       cards                   // how networks come to run on one
}

// Option adds to what a binary knows by name. Its error says which name cannot
// be added.
type Option func(*house) error

// folderName is how an experiment may be called: its folder has that name.
var folderName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// WithExperiments adds experiments, in the order of the report. Two of one name,
// and a name that is none of a folder's, are errors: Main prints them and exits
// with the code of wrong usage.
func WithExperiments(all ...experiment.Experiment) Option {
	return func(h *house) error {
		for _, e := range all {
			if !folderName.MatchString(e.Name) || e.Name == trialsFolder {
				return fmt.Errorf("an experiment cannot be called %q: its folder has that name; "+
					"use lower-case letters, digits and dashes, and not %s", e.Name, trialsFolder)
			}
			if before, err := h.experiment(e.Name); err == nil {
				return fmt.Errorf("two experiments are called %s: one is of %q, the other of %q; "+
					"rename one", e.Name, before.Source, e.Source)
			}
			h.experiments = append(h.experiments, e)
		}
		return nil
	}
}

// WithLaw adds a law of sequences: `--law NAME` and its settings are flags of
// icar train and keys of configuration files and plans. The errors are those of
// [train.Catalogue.AddLaw]; Main prints them.
func WithLaw(name string, law func() ar.Law) Option {
	return func(h *house) error { return h.catalogue.AddLaw(name, law) }
}

// WithEncoding adds an encoding of tokens, as WithLaw does a law: `--tokens NAME`.
func WithEncoding(name string, encoding func() ar.Encoding) Option {
	return func(h *house) error { return h.catalogue.AddEncoding(name, encoding) }
}

// WithMixer adds a kind of mixer, as WithLaw does a law: `--mixer` with its name.
// What the engine has no fast form for is trained on the reference.
func WithMixer(kind nn.Mixing) Option {
	return func(h *house) error { return h.catalogue.AddMixer(kind) }
}

// newHouse returns what the options add up to.
func newHouse(options []Option) (*house, error) {
	h := &house{catalogue: train.Standard(), cards: nvidia()}
	for _, add := range options {
		if err := add(h); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// names returns the names of the experiments in the order of the report.
func (h *house) names() []string {
	var names []string
	for _, e := range h.experiments {
		names = append(names, e.Name)
	}
	return names
}

// experiment returns the experiment of that name.
func (h *house) experiment(name string) (experiment.Experiment, error) {
	for _, e := range h.experiments {
		if e.Name == name {
			return e, nil
		}
	}
	if len(h.experiments) == 0 {
		return experiment.Experiment{}, errNoExperiments
	}
	return experiment.Experiment{}, fmt.Errorf("there is no experiment %q: %s",
		name, suggest.Instead(name, h.names()))
}

// errNoExperiments is of a binary that was given none.
var errNoExperiments = errors.New("this program has no experiments: " +
	"give it some, command.WithExperiments")

// choose returns the named experiments in the order of the report, all of them
// where none is named.
func (h *house) choose(names []string) ([]experiment.Experiment, error) {
	if len(h.experiments) == 0 {
		return nil, errNoExperiments
	}
	if len(names) == 0 {
		return h.experiments, nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		if _, err := h.experiment(name); err != nil {
			return nil, err
		}
		wanted[name] = true
	}
	var chosen []experiment.Experiment
	for _, e := range h.experiments {
		if wanted[e.Name] {
			chosen = append(chosen, e)
		}
	}
	return chosen, nil
}
