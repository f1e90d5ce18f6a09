package web

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"icar/internal/suggest"
)

// parameter is one setting of a part of the page: a control there, and a
// parameter of the query here. A choice has choices; a number lies in
// [low, high] and is an integer if its step is one.
type parameter struct {
	name, symbol    string // in the query; on the page
	value           string // what it is when not given
	low, high, step float64
	choices         []string
	many            int    // > 0: a text, given up to so many times
	takes           string // what such a text is; "" for a path
	means           string
}

// maxText is the longest text that a parameter takes, in bytes.
const maxText = 4096

func number(name, symbol string, value, low, high, step float64, means string) parameter {
	return parameter{name: name, symbol: symbol, value: strconv.FormatFloat(value, 'g', -1, 64),
		low: low, high: high, step: step, means: means}
}

func text(name, takes string, many int, means string) parameter {
	return parameter{name: name, symbol: name, takes: takes, many: many, means: means}
}

func choice(name, symbol, means string, choices ...string) parameter {
	return parameter{name: name, symbol: symbol, value: choices[0], choices: choices, means: means}
}

// Integer reports whether the parameter takes whole numbers only.
func (p parameter) Integer() bool { return p.choices == nil && p.step == math.Trunc(p.step) }

// Range says what the parameter takes, for docs/api.md and for errors.
func (p parameter) Range() string {
	if p.choices != nil {
		return strings.Join(p.choices, ", ")
	}
	if p.many > 0 {
		if p.takes != "" {
			return p.takes
		}
		return "a path"
	}
	return fmt.Sprintf("%v to %v", p.low, p.high)
}

// The fields the page's template needs.
func (p parameter) Name() string      { return p.name }
func (p parameter) Symbol() string    { return p.symbol }
func (p parameter) Value() string     { return p.value }
func (p parameter) Means() string     { return p.means }
func (p parameter) Choices() []string { return p.choices }
func (p parameter) Low() float64      { return p.low }
func (p parameter) High() float64     { return p.high }
func (p parameter) Step() float64     { return p.step }

// values returns all that the parameter takes, of a number the whole ones of its steps.
func (p parameter) values() []string {
	if p.choices != nil {
		return p.choices
	}
	var all []string
	for i := 0; p.low+float64(i)*p.step <= p.high; i++ {
		all = append(all, strconv.FormatFloat(p.low+float64(i)*p.step, 'g', -1, 64))
	}
	return all
}

// check returns an error that says what to use when text is no value of p.
func (p parameter) check(text string) error {
	if p.choices != nil {
		if !slices.Contains(p.choices, text) {
			return fmt.Errorf("%s is %.40q: use one of %s", p.name, text, p.Range())
		}
		return nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || x < p.low || x > p.high || p.Integer() && x != math.Trunc(x) {
		kind := "a number"
		if p.Integer() {
			kind = "a whole number"
		}
		return fmt.Errorf("%s is %.40q: use %s from %s", p.name, text, kind, p.Range())
	}
	return nil
}

// values are the parameters of a request, every one within its range.
type values map[string]string

// parse reads a query. A parameter that is unknown, given twice or out of its
// range is an error, which says what to use.
func parse(known []parameter, query url.Values) (values, error) {
	v := values{}
	var names []string
	for _, p := range known {
		v[p.name] = p.value
		names = append(names, p.name)
	}
	for name, given := range query {
		i := slices.IndexFunc(known, func(p parameter) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no parameter %.40q: %s", name, suggest.Instead(name, names))
		}
		if p := known[i]; p.many > 0 {
			if len(given) > p.many {
				return nil, fmt.Errorf("%s is given %d times: give it at most %d times", name, len(given),
					p.many)
			}
			for _, text := range given {
				if len(text) > maxText {
					return nil, fmt.Errorf("%s has %d bytes: use at most %d", name, len(text), maxText)
				}
				if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
					return nil, fmt.Errorf("%s %.40q is no line of text: leave out what ends lines "+
						"and other control characters", name, text)
				}
			}
			v[name] = strings.Join(given, "\n")
			continue
		}
		if len(given) != 1 {
			return nil, fmt.Errorf("%s is given %d times: give it once", name, len(given))
		}
		if err := known[i].check(given[0]); err != nil {
			return nil, err
		}
		v[name] = given[0]
	}
	return v, nil
}

// all returns the texts of a parameter that may be given more than once.
func (v values) all(name string) (texts []string) {
	for text := range strings.SplitSeq(v[name], "\n") {
		if text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// number returns a parameter as a float64.
func (v values) number(name string) float64 {
	x, err := strconv.ParseFloat(v[name], 64)
	if err != nil {
		return 0 // the handler's parameters name it, so parse has seen it
	}
	return x
}

// integer returns a parameter as an int.
func (v values) integer(name string) int { return int(v.number(name)) }

// on reports whether a parameter with the choices yes and no is yes.
func (v values) on(name string) bool { return v[name] == "yes" }
