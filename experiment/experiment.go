// Package experiment is the contract of experiments: what a paper's figure or
// proposition, or a question of one's own, has to say to be run, kept, judged
// and reported.
//
// An experiment has three parts. Trials lists the independent pieces of work
// of a scale and a seed. Run does one of them and depends on nothing but its
// configuration, so that trials can run anywhere, in any order. Collect turns
// all results into data, figures and claims. Define makes one from functions of
// one's own types; the experiments of a paper are a package below papers.
package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"icar/figure"
	"icar/internal/budget"
	"icar/internal/suggest"
	"icar/outcome"
)

// Experiment is one figure or proposition.
type Experiment struct {
	Name    string                          // as in `icar reproduce NAME`
	Source  string                          // where the paper states it, or "ours"
	Summary string                          // one sentence
	Cost    map[outcome.Scale]time.Duration // wall time once measured on two cores

	// Trains says that trials train networks: their results depend on an
	// arithmetic, which a plan gives them.
	Trains bool
	// Trials lists the work of a scale and a seed.
	Trials func(outcome.Scale, uint64) []outcome.Trial
	// Override returns the trial with one configuration key set to a JSON
	// value, or an error that names the nearest key or the value's fault.
	Override func(t outcome.Trial, key, value string) (outcome.Trial, error)
	// On returns the trial in an arithmetic.
	On func(t outcome.Trial, arithmetic string) (outcome.Trial, error)
	// Alike returns what trials that are best run at the same time have in common,
	// "" for those that go with no other.
	Alike func(outcome.Trial) string
	// Check returns an error when the trial's configuration is not one that
	// can be run in an environment, which says what to change.
	Check func(outcome.Trial, Env) error
	// Run does a trial. What it finds is a pure function of the trial.
	Run func(context.Context, outcome.Trial, Env) (outcome.Result, error)
	// Collect draws the conclusions from the results of all trials, in the
	// order of Trials.
	Collect func([]outcome.Result) (Findings, error)
}

// Findings are what an experiment concludes.
type Findings struct {
	Data    figure.Data
	Figures []figure.Figure
	Claims  []outcome.Claim
}

// Config is what a trial of one experiment is made from: plain data, whose JSON
// is the trial's identity.
type Config interface {
	// Check returns an error that says what to change.
	Check() error
}

// Kin is a Config that says which trials are best run at the same time.
type Kin interface {
	Config
	// Alike is one word for trials that train models of one shape, for as many steps on
	// as many sequences: a card makes their steps side by side. It changes no result.
	Alike() string
}

// Done is a trial that was run, in the experiment's own types.
type Done[C Config, R any] struct {
	Config C
	Found  R
}

// Spec is an experiment in its own types: C is the configuration of a trial, R
// what a trial finds, which JSON has to hold to the bit.
type Spec[C Config, R any] struct {
	Name    string // as in `icar reproduce NAME`
	Source  string // where the paper states it, or "ours"
	Summary string // one sentence
	// Quick and Paper are the wall times of the two scales, once measured on two
	// cores.
	Quick, Paper time.Duration
	// Trials lists the configurations of a scale and a seed, and depends on
	// nothing else.
	Trials func(outcome.Scale, uint64) []C
	// Run does a trial. What it finds is a pure function of the configuration.
	Run func(context.Context, C) (R, error)
	// Train takes the place of Run where a trial trains a network, which takes
	// long and can go on from what Env keeps.
	Train func(context.Context, C, Env) (R, error)
	// Collect draws the conclusions. The identity of a claim is that within the
	// experiment; whether it passes is judged here, whatever it says.
	Collect func([]Done[C, R]) (Findings, error)
}

// Define hides the types of an experiment behind JSON.
func Define[C Config, R any](s Spec[C, R]) Experiment {
	return Experiment{
		Name: s.Name, Source: s.Source, Summary: s.Summary, Trains: s.Train != nil,
		Cost: map[outcome.Scale]time.Duration{outcome.Quick: s.Quick, outcome.Paper: s.Paper},
		Trials: func(scale outcome.Scale, seed uint64) []outcome.Trial {
			var trials []outcome.Trial
			for _, c := range s.Trials(scale, seed) {
				trials = append(trials, newTrial(s.Name, c, ""))
			}
			return trials
		},
		Override: func(t outcome.Trial, key, value string) (outcome.Trial, error) {
			return override[C](s.Name, t, key, value)
		},
		On: func(t outcome.Trial, arithmetic string) (outcome.Trial, error) {
			var c C
			err := decode(t.Config, &c)
			return newTrial(s.Name, c, arithmetic), err
		},
		Alike: func(t outcome.Trial) string {
			var c C
			if k, ok := any(&c).(Kin); ok && decode(t.Config, &c) == nil {
				return k.Alike()
			}
			return ""
		},
		Check: func(t outcome.Trial, m Env) error {
			var c C
			if err := decode(t.Config, &c); err != nil {
				return err
			}
			if _, err := m.on(t.Arithmetic); err != nil {
				return err
			}
			return c.Check()
		},
		Run: func(ctx context.Context, t outcome.Trial, m Env) (outcome.Result, error) {
			var c C
			if err := decode(t.Config, &c); err != nil {
				return outcome.Result{}, fmt.Errorf("%s: trial %s: %w", s.Name, t.ID, err)
			}
			m, err := m.on(t.Arithmetic)
			var found R
			switch {
			case err != nil:
			case s.Train != nil:
				found, err = s.Train(ctx, c, m)
			default:
				found, err = s.Run(ctx, c)
			}
			if err != nil {
				return outcome.Result{}, fmt.Errorf("%s: trial %s: %w", s.Name, t.ID, err)
			}
			data, err := json.Marshal(found)
			if err != nil {
				return outcome.Result{}, fmt.Errorf("%s: trial %s found what JSON cannot hold: %w",
					s.Name, t.ID, err)
			}
			return outcome.Result{Trial: t, Found: data}, nil
		},
		Collect: func(results []outcome.Result) (Findings, error) {
			all := make([]Done[C, R], len(results))
			for i, r := range results {
				if err := errors.Join(decode(r.Trial.Config, &all[i].Config),
					decode(r.Found, &all[i].Found)); err != nil {
					return Findings{}, fmt.Errorf("%s: trial %s: %w", s.Name, r.Trial.ID, err)
				}
			}
			found, err := s.Collect(all)
			times := map[string]int{}
			for i := range found.Claims {
				c := &found.Claims[i]
				c.ID = s.Name + "/" + c.ID
				// settings can make trials differ in what the ID does not say
				if times[c.ID]++; times[c.ID] > 1 {
					c.ID = fmt.Sprintf("%s#%d", c.ID, times[c.ID])
				}
				_, nobody := c.Author()
				err = errors.Join(err, nobody, c.Judge())
			}
			return found, err
		},
	}
}

// kindName is what people call the values of a Go kind.
func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a word"
	default:
		return "a whole number in range"
	}
}

// newTrial names a configuration by the experiment and a hash of both, and of the
// arithmetic where there is one.
func newTrial(name string, c Config, arithmetic string) outcome.Trial {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // a configuration is plain data; only a programmer can get here
	}
	hashed := append([]byte(name+"\n"), data...)
	if arithmetic != "" {
		hashed = append(hashed, "\n"+arithmetic...)
	}
	sum := sha256.Sum256(hashed)
	return outcome.Trial{ID: name + "-" + hex.EncodeToString(sum[:6]), Config: data,
		Arithmetic: arithmetic}
}

func decode(data []byte, into any) error {
	return budget.UnmarshalKnown(data, into, budget.Found())
}

// override sets one key of a trial's configuration and names the trial anew.
func override[C Config](name string, t outcome.Trial, key, value string) (outcome.Trial, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(t.Config, &fields); err != nil {
		return outcome.Trial{}, err
	}
	if _, known := fields[key]; !known {
		keys := make([]string, 0, len(fields))
		for k := range fields {
			keys = append(keys, k)
		}
		return outcome.Trial{}, fmt.Errorf("%s has no setting %q: %s", name, key,
			suggest.Instead(key, keys))
	}
	if value == "null" || !json.Valid([]byte(value)) {
		quoted, _ := json.Marshal(value) // a string never fails
		value = string(quoted)
	}
	fields[key] = json.RawMessage(value)
	merged, err := json.Marshal(fields)
	if err != nil {
		return outcome.Trial{}, err
	}
	var c C
	if err := decode(merged, &c); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) {
			return outcome.Trial{}, fmt.Errorf("%s: setting %s=%s is not %s", name, key,
				strings.Trim(value, `"`), kindName(typed.Type.Kind()))
		}
		return outcome.Trial{}, fmt.Errorf("%s: setting %s=%s: %w", name, key, value, err)
	}
	return newTrial(name, c, t.Arithmetic), nil
}
