// Package experiment holds the paper's figures and propositions as
// experiments: one file each, one line each in All.
//
// An experiment has three parts. Trials lists the independent pieces of work
// of a scale and a seed. Run does one of them and depends on nothing but its
// configuration, so that trials can run anywhere, in any order. Collect turns
// all results into data, figures and claims.
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

	"icar/internal/budget"
	"icar/internal/suggest"
)

// Experiment is one figure or proposition.
type Experiment struct {
	Name    string                  // as in `icar reproduce NAME`
	Source  string                  // where the paper states it, or "ours"
	Summary string                  // one sentence
	Cost    map[Scale]time.Duration // wall time once measured on two cores

	// Trials lists the work of a scale and a seed.
	Trials func(Scale, uint64) []Trial
	// Override returns the trial with one configuration key set to a JSON
	// value, or an error that names the nearest key or the value's fault.
	Override func(t Trial, key, value string) (Trial, error)
	// Check returns an error when the trial's configuration is not one that
	// can be run, which says what to change.
	Check func(Trial) error
	// Run does a trial. What it finds is a pure function of the trial.
	Run func(context.Context, Trial, Means) (Result, error)
	// Collect draws the conclusions from the results of all trials, in the
	// order of Trials.
	Collect func([]Result) (Findings, error)
}

// Findings are what an experiment concludes.
type Findings struct {
	Data    Data
	Figures []Figure
	Claims  []Claim
}

// config is what a trial of one experiment is made from.
type config interface {
	// Check returns an error that says what to change.
	Check() error
}

// done is a decoded result.
type done[C config, R any] struct {
	Config C
	Found  R
}

// spec is an experiment in its own types.
type spec[C config, R any] struct {
	name, source, summary string
	quick, paper          time.Duration // measured cost
	trials                func(Scale, uint64) []C
	run                   func(context.Context, C) (R, error)
	train                 func(context.Context, C, Means) (R, error) // in place of run, for trials that take long
	collect               func([]done[C, R]) (Findings, error)
}

// define hides the types of an experiment behind JSON.
func define[C config, R any](s spec[C, R]) Experiment {
	return Experiment{
		Name: s.name, Source: s.source, Summary: s.summary,
		Cost: map[Scale]time.Duration{Quick: s.quick, Paper: s.paper},
		Trials: func(scale Scale, seed uint64) []Trial {
			var trials []Trial
			for _, c := range s.trials(scale, seed) {
				trials = append(trials, newTrial(s.name, c))
			}
			return trials
		},
		Override: func(t Trial, key, value string) (Trial, error) { return override[C](s.name, t, key, value) },
		Check: func(t Trial) error {
			var c C
			if err := decode(t.Config, &c); err != nil {
				return err
			}
			return c.Check()
		},
		Run: func(ctx context.Context, t Trial, m Means) (Result, error) {
			var c C
			if err := decode(t.Config, &c); err != nil {
				return Result{}, fmt.Errorf("%s: trial %s: %w", s.name, t.ID, err)
			}
			var found R
			var err error
			if s.train != nil {
				found, err = s.train(ctx, c, m)
			} else {
				found, err = s.run(ctx, c)
			}
			if err != nil {
				return Result{}, fmt.Errorf("%s: trial %s: %w", s.name, t.ID, err)
			}
			data, err := json.Marshal(found)
			if err != nil {
				return Result{}, fmt.Errorf("%s: trial %s found what JSON cannot hold: %w", s.name, t.ID, err)
			}
			return Result{t, data}, nil
		},
		Collect: func(results []Result) (Findings, error) {
			all := make([]done[C, R], len(results))
			for i, r := range results {
				if err := errors.Join(decode(r.Trial.Config, &all[i].Config), decode(r.Found, &all[i].Found)); err != nil {
					return Findings{}, fmt.Errorf("%s: trial %s: %w", s.name, r.Trial.ID, err)
				}
			}
			found, err := s.collect(all)
			times := map[string]int{}
			for i := range found.Claims {
				c := &found.Claims[i]
				c.ID = s.name + "/" + c.ID
				if times[c.ID]++; times[c.ID] > 1 { // settings can make trials differ in what the ID does not say
					c.ID = fmt.Sprintf("%s#%d", c.ID, times[c.ID])
				}
				_, nobody := c.Author()
				err = errors.Join(err, nobody, c.judge())
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

// newTrial names a configuration by the experiment and a hash of both.
func newTrial(name string, c config) Trial {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // a configuration is plain data; only a programmer can get here
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), data...))
	return Trial{ID: name + "-" + hex.EncodeToString(sum[:6]), Config: data}
}

func decode(data []byte, into any) error {
	return budget.UnmarshalKnown(data, into, budget.Found())
}

// override sets one key of a trial's configuration and names the trial anew.
func override[C config](name string, t Trial, key, value string) (Trial, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(t.Config, &fields); err != nil {
		return Trial{}, err
	}
	if _, known := fields[key]; !known {
		keys := make([]string, 0, len(fields))
		for k := range fields {
			keys = append(keys, k)
		}
		return Trial{}, fmt.Errorf("%s has no setting %q: %s", name, key, suggest.Instead(key, keys))
	}
	if value == "null" || !json.Valid([]byte(value)) {
		quoted, _ := json.Marshal(value) // a string never fails
		value = string(quoted)
	}
	fields[key] = json.RawMessage(value)
	merged, err := json.Marshal(fields)
	if err != nil {
		return Trial{}, err
	}
	var c C
	if err := decode(merged, &c); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) {
			return Trial{}, fmt.Errorf("%s: setting %s=%s is not %s", name, key, strings.Trim(value, `"`), kindName(typed.Type.Kind()))
		}
		return Trial{}, fmt.Errorf("%s: setting %s=%s: %w", name, key, value, err)
	}
	return newTrial(name, c), nil
}
