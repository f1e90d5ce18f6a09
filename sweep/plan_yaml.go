package sweep

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"icar/internal/strict"
	"icar/internal/suggest"
	"icar/setting"
	"icar/train"
)

// DecodePlan reads a plan from YAML:
//
//	base: {epochs: 10, length: 20}
//	grid: {depth: [1, 2, 4], seed: [0, 1, 2]}
//	zip: {heads: [1, 2], embed: [15, 30]}
//	random: {samples: 20, seed: 0, learning_rate: {log: [0.0001, 0.01]}}
//	attempts: 3
//	stop_on_failure: false
//
// The error names the line: no YAML or a key that comes twice
// (train.ErrSyntax), an unknown key with the nearest one, a value that is not
// of its kind, a key that two parts set. The keys are those of the catalogue.
func DecodePlan(file []byte, catalogue *train.Catalogue) (Plan, error) {
	p := Plan{Catalogue: catalogue, Attempts: 3}
	members, err := strict.Members(file)
	if err != nil {
		return p, err
	}
	parts := map[string]func(ast.Node) error{
		"base": func(n ast.Node) error {
			return settings(n, catalogue, strict.Scalar, func(k, v string) {
				p.Base = append(p.Base, setting.Setting{Key: k, Value: v})
			})
		},
		"grid": func(n ast.Node) error {
			return settings(n, catalogue, strict.Scalars,
				func(k string, v []string) { p.Grid = append(p.Grid, List{k, v}) })
		},
		"zip": func(n ast.Node) error {
			return settings(n, catalogue, strict.Scalars,
				func(k string, v []string) { p.Zip = append(p.Zip, List{k, v}) })
		},
		"random":          p.decodeRandom,
		"attempts":        func(n ast.Node) error { return whole(n, 1, MaxAttempts, &p.Attempts) },
		"stop_on_failure": func(n ast.Node) error { return truth(n, &p.StopOnFailure) },
	}
	names := []string{"base", "grid", "zip", "random", "attempts", "stop_on_failure"}
	for _, m := range members {
		name := m.Key.GetToken().Value
		decode := parts[name]
		if decode == nil {
			return p, fmt.Errorf("line %d: unknown key %.80q: %s",
				strict.Line(m.Key), name, suggest.Instead(name, names))
		}
		if err := decode(m.Value); err != nil {
			var at lined
			if errors.As(err, &at) {
				return p, err
			}
			return p, fmt.Errorf("line %d: %s: %w", strict.Line(m.Key), name, err)
		}
	}
	return p, p.check()
}

// lined is an error that names its line.
type lined struct {
	line int
	key  string
	err  error
}

func (l lined) Error() string { return fmt.Sprintf("line %d: %s: %v", l.line, l.key, l.err) }
func (l lined) Unwrap() error { return l.err }

// settings reads a mapping from keys of the catalogue.
func settings[V any](n ast.Node, catalogue *train.Catalogue, read func(ast.Node) (V, error),
	add func(string, V)) error {
	members, ok := strict.Mapping(n)
	if !ok {
		return errors.New("want lines KEY: VALUE below it")
	}
	for _, m := range members {
		name := m.Key.GetToken().Value
		if err := known(catalogue, name); err != nil {
			return lined{strict.Line(m.Key), "the settings", err}
		}
		value, err := read(m.Value)
		if err != nil {
			return lined{strict.Line(m.Key), name, err}
		}
		add(name, value)
	}
	return nil
}

// known returns an error for what is no key of a configuration of the catalogue.
func known(catalogue *train.Catalogue, name string) error {
	var names []string
	for _, k := range catalogue.Keys() {
		names = append(names, k.Name)
	}
	if !slices.Contains(names, name) {
		return setting.Unknown("key", name, names...)
	}
	return nil
}

// decodeRandom reads the draws.
func (p *Plan) decodeRandom(n ast.Node) error {
	members, ok := strict.Mapping(n)
	if !ok {
		return errors.New("want lines KEY: {LAW: VALUES} below it")
	}
	for _, m := range members {
		name, line := m.Key.GetToken().Value, strict.Line(m.Key)
		var err error
		switch _, isLaw := strict.Mapping(m.Value); {
		case name == "samples":
			err = whole(m.Value, 1, MaxTrials, &p.Samples)
		case name == "seed" && !isLaw:
			var text string
			if text, err = strict.Scalar(m.Value); err == nil {
				p.Seed, err = strconv.ParseUint(text, 10, 64)
			}
			if err != nil {
				err = errors.New("want a whole number, the seed of the draws")
			}
		default:
			if err := known(p.Catalogue, name); err != nil {
				return lined{line, "random", err}
			}
			var d Draw
			if d, err = decodeDraw(name, m.Value); err == nil {
				p.Random = append(p.Random, d)
			}
		}
		if err != nil {
			return lined{line, name, err}
		}
	}
	if len(p.Random) > 0 && p.Samples == 0 {
		return errors.New("samples is missing: say how many draws, such as samples: 20")
	}
	if len(p.Random) == 0 && p.Samples > 0 {
		return errors.New("samples of nothing: add a setting to draw, such as learning_rate: " +
			"{log: [0.0001, 0.01]}")
	}
	return nil
}

func decodeDraw(name string, n ast.Node) (Draw, error) {
	d := Draw{Key: name}
	laws := []string{"uniform", "log", "integers", "choice"}
	members, ok := strict.Mapping(n)
	if !ok || len(members) != 1 {
		return d, errors.New("want a law and its values: {uniform: [LOW, HIGH]}, {log: " +
			"[LOW, HIGH]}, {integers: [LOW, HIGH]} or {choice: [A, B]}")
	}
	d.Law = members[0].Key.GetToken().Value
	if !slices.Contains(laws, d.Law) {
		return d, fmt.Errorf("unknown law %q: %s", d.Law, suggest.Instead(d.Law, laws))
	}
	values, err := strict.Scalars(members[0].Value)
	if err != nil || d.Law == "choice" {
		d.Choice = values
		return d, err
	}
	if len(values) != 2 {
		return d, fmt.Errorf("%s has %d values: give [LOW, HIGH]", d.Law, len(values))
	}
	var err2 error
	d.Low, err = strconv.ParseFloat(values[0], 64)
	d.High, err2 = strconv.ParseFloat(values[1], 64)
	if errors.Join(err, err2) != nil || !(d.Low < d.High) || math.IsInf(d.High-d.Low, 0) {
		return d, fmt.Errorf("[%s, %s] is no interval: give two numbers, the lower first",
			values[0], values[1])
	}
	if d.Law == "log" && d.Low <= 0 {
		return d, fmt.Errorf("log from %s: a logarithm needs numbers above 0", values[0])
	}
	if d.Law == "integers" && (d.Low != math.Trunc(d.Low) || d.High != math.Trunc(d.High) ||
		math.Abs(d.Low) > 1<<52 || math.Abs(d.High) > 1<<52) {
		return d, fmt.Errorf("integers from %s to %s: give whole numbers", values[0], values[1])
	}
	return d, nil
}

// check finds what the parts together do wrong.
func (p Plan) check() error {
	seen := map[string]string{}
	add := func(part, key string) error {
		if other, twice := seen[key]; twice {
			return fmt.Errorf("%s is set by %s and by %s: leave it out of one", key, other, part)
		}
		seen[key] = part
		return nil
	}
	var errs []error
	for _, g := range p.Grid {
		errs = append(errs, add("grid", g.Key))
	}
	for _, z := range p.Zip {
		errs = append(errs, add("zip", z.Key))
		if len(z.Values) != len(p.Zip[0].Values) {
			errs = append(errs, fmt.Errorf("zip: %s has %d values and %s has %d: lists side by side "+
				"are equally long",
				p.Zip[0].Key, len(p.Zip[0].Values), z.Key, len(z.Values)))
		}
	}
	for _, d := range p.Random {
		errs = append(errs, add("random", d.Key))
	}
	for _, b := range p.Base {
		errs = append(errs, add("base", b.Key))
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func whole(n ast.Node, low, high int, into *int) error {
	text, err := strict.Scalar(n)
	if err == nil {
		*into, err = strconv.Atoi(text)
	}
	if err != nil || *into < low || *into > high {
		return fmt.Errorf("want a whole number from %d to %d", low, high)
	}
	return nil
}

func truth(n ast.Node, into *bool) error {
	text, err := strict.Scalar(n)
	if err != nil || text != "true" && text != "false" {
		return errors.New("want true or false")
	}
	*into = text == "true"
	return nil
}
