package train

import (
	"cmp"
	"fmt"
	"math"
	pattern "path"
	"slices"
	"strconv"
	"strings"

	"icar/run"
	"icar/setting"
)

// Listed is what is known of a run that stands in a list. Of one that is damaged that is
// its path and its state.
type Listed struct {
	Path string
	run.Label
	State      run.State
	Step       int
	Loss       *float64        // of the last batch; nil before the first
	Evaluation *run.Evaluation // the last one; nil before the first
	Best       *Best           // of the evaluations; nil before the first
	Seconds    float64         // wall time of the steps
	Config     *Config         // resolved; nil if it is not known
}

// Selection is which runs a list has, and in which order. The zero Selection is of all
// runs, by their paths.
type Selection struct {
	Name, Note string   // a pattern in which * stands for anything; a part of the note
	Tags       []string // all of them
	State      string
	Where      []setting.Setting // see ParseWhere
	Below      *float64          // of the last test error
	Sort       string            // one of Orders, or a setting; "" for the path
	Reverse    bool
}

// States are the names of the states of a run.
func States() (names []string) {
	for _, s := range []run.State{run.Complete, run.Running, run.Stopped, run.Diverged,
		run.Damaged} {
		names = append(names, string(s))
	}
	return names
}

// Orders are what runs are sorted by, besides their settings.
func Orders() []string {
	return []string{"path", "name", "tags", "state", "error", "best", "loss", "step", "time"}
}

// ParseWhere reads KEY=VALUE, a setting that runs are selected by.
func ParseWhere(text string) (setting.Setting, error) {
	key, value, found := strings.Cut(text, "=")
	if !found {
		return setting.Setting{}, fmt.Errorf(
			"the setting %.80q is no KEY=VALUE: use one such as depth=2", text)
	}
	return setting.Setting{Key: strings.ReplaceAll(key, "-", "_"), Value: value}, nil
}

// Check returns an error about a selection that no run of a catalogue can meet.
func (s Selection) Check(catalogue *Catalogue) error {
	var keys []string
	for _, k := range catalogue.Keys() {
		keys = append(keys, k.Name)
	}
	if _, err := pattern.Match(s.Name, ""); err != nil {
		return fmt.Errorf("the name %.80q is no pattern: %w; use one such as 'wide*'", s.Name, err)
	}
	if s.State != "" && !slices.Contains(States(), s.State) {
		return setting.Unknown("state", s.State, States()...)
	}
	if s.Below != nil && math.IsNaN(*s.Below) {
		return fmt.Errorf("below NaN is no number: use one such as 0.1")
	}
	if all := slices.Concat(Orders(), keys); s.Sort != "" && !slices.Contains(all, s.Sort) {
		return setting.Unknown("order", s.Sort, all...)
	}
	for _, w := range s.Where {
		if !slices.Contains(keys, w.Key) {
			return setting.Unknown("key", w.Key, keys...)
		}
	}
	return nil
}

// Select returns those of the runs, known by what of says of them, that are of the
// selection, in its order; those that are alike in it stay in theirs.
func Select[T any](s Selection, runs []T, of func(T) Listed) []T {
	type pair struct {
		run   T
		known Listed
	}
	var chosen []pair
	for _, r := range runs {
		if known := of(r); s.Has(known) {
			chosen = append(chosen, pair{r, known})
		}
	}
	slices.SortStableFunc(chosen, func(a, b pair) int {
		order := s.compare(a.known, b.known)
		if s.Reverse {
			return -order
		}
		return order
	})
	all := make([]T, 0, len(chosen)) // an array in JSON, also when empty
	for _, c := range chosen {
		all = append(all, c.run)
	}
	return all
}

// Has reports whether a run is selected.
func (s Selection) Has(r Listed) bool {
	if s.State != "" && string(r.State) != s.State {
		return false
	}
	if matched, _ := pattern.Match(s.Name, r.Name); s.Name != "" && !matched {
		return false
	}
	if !strings.Contains(r.Note, s.Note) {
		return false
	}
	for _, tag := range s.Tags {
		if !slices.Contains(r.Tags, tag) {
			return false
		}
	}
	if s.Below != nil && (r.Evaluation == nil || !(r.Evaluation.TestMSE < *s.Below)) {
		return false
	}
	for _, w := range s.Where {
		if r.Config == nil || !SameValue(r.Config.Values()[w.Key], w.Value) {
			return false
		}
	}
	return true
}

// SameValue reports whether two values are the same as texts, or as numbers.
func SameValue(a, b string) bool {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return a == b || err == nil && err2 == nil && x == y
}

// compare puts what is not known last.
func (s Selection) compare(a, b Listed) int {
	x, y := s.value(a), s.value(b)
	if x.known != y.known {
		if x.known == s.Reverse {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(x.number, y.number), cmp.Compare(x.text, y.text))
}

// ordered is a value that runs are sorted by: numbers by size, others as texts.
type ordered struct {
	known  bool
	number float64
	text   string
}

func (s Selection) value(r Listed) ordered {
	text := func(is string) ordered { return ordered{known: is != "", text: is} }
	number := func(is *float64) ordered {
		if is == nil {
			return ordered{}
		}
		return ordered{known: true, number: *is}
	}
	step := float64(r.Step)
	switch s.Sort {
	case "", "path":
		return text(r.Path)
	case "name":
		return text(r.Name)
	case "tags":
		return text(strings.Join(r.Tags, " "))
	case "state":
		return text(string(r.State))
	case "error":
		if r.Evaluation != nil {
			return number(&r.Evaluation.TestMSE)
		}
	case "best":
		if r.Best != nil {
			return number(&r.Best.TestMSE)
		}
	case "loss":
		return number(r.Loss)
	case "step":
		return number(&step)
	case "time":
		return number(&r.Seconds)
	default:
		if r.Config != nil {
			value := r.Config.Values()[s.Sort]
			if x, err := strconv.ParseFloat(value, 64); err == nil {
				return number(&x)
			}
			return text(value)
		}
	}
	return ordered{}
}
