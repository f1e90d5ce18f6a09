package command

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"icar/run"
	"icar/setting"
	"icar/train"
)

// selection is which runs a list has, and in which order.
type selection struct {
	name, note string
	tags       []string
	state      string
	where      []string // KEY=VALUE
	below      float64  // test error
	sort       string
	reverse    bool

	settings []setting.Setting // of where
}

func (s *selection) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.name, "name", "",
		"only runs whose name is like a `pattern`, in which * stands for anything")
	flags.StringVar(&s.note, "note", "", "only runs whose note contains a `text`")
	flags.StringSliceVar(&s.tags, "tag", nil,
		"only runs with a tag, a `word`; of more, with commas or again, all")
	flags.StringVar(&s.state, "state", "",
		"only runs of a `state`: "+strings.Join(states(), ", "))
	flags.StringArrayVar(&s.where, "where", nil,
		"only runs with a setting, `KEY=VALUE`; may be given again")
	flags.Float64Var(&s.below, "below", math.Inf(1),
		"only runs whose last test error is below a `number`")
	flags.StringVar(&s.sort, "sort", "path",
		"order by a `key`: "+strings.Join(orders, ", ")+", or a setting")
	flags.BoolVar(&s.reverse, "reverse", false, "in the other direction")
	flags.Lookup("below").DefValue = "" // any
}

func states() (names []string) {
	for _, s := range []run.State{run.Complete, run.Running, run.Stopped, run.Diverged,
		run.Damaged} {
		names = append(names, string(s))
	}
	return names
}

// orders are what runs are sorted by, besides their settings.
var orders = []string{"path", "name", "tags", "state", "error", "best", "loss", "step", "time"}

// check returns an error about a selection that none can meet.
func (s *selection) check(catalogue *train.Catalogue) error {
	var keys []string
	for _, k := range catalogue.Keys() {
		keys = append(keys, k.Name)
	}
	if _, err := path.Match(s.name, ""); err != nil {
		return fmt.Errorf("--name %s is no pattern: %w; use one such as 'wide*'", s.name, err)
	}
	if s.state != "" && !slices.Contains(states(), s.state) {
		return setting.Unknown("state", s.state, states()...)
	}
	if math.IsNaN(s.below) {
		return fmt.Errorf("--below NaN is no number: use one such as 0.1")
	}
	if all := slices.Concat(orders, keys); !slices.Contains(all, s.sort) {
		return setting.Unknown("order", s.sort, all...)
	}
	for _, text := range s.where {
		key, value, found := strings.Cut(text, "=")
		if key = strings.ReplaceAll(key, "-", "_"); !found {
			return fmt.Errorf("--where %s is no KEY=VALUE: use one such as depth=2", text)
		}
		if !slices.Contains(keys, key) {
			return setting.Unknown("key", key, keys...)
		}
		s.settings = append(s.settings, setting.Setting{Key: key, Value: value})
	}
	return nil
}

// of returns the runs of the selection in its order; those that are alike in it
// stay in the order of their paths.
func (s *selection) of(runs []described) []described {
	runs = slices.DeleteFunc(slices.Clone(runs), func(d described) bool { return !s.has(d) })
	slices.SortStableFunc(runs, func(a, b described) int {
		order := s.compare(a, b)
		if s.reverse {
			return -order
		}
		return order
	})
	return runs
}

// has reports whether a run is selected. Of one that is damaged nothing is known but
// its path and its state.
func (s *selection) has(d described) bool {
	if s.state != "" && string(d.State) != s.state {
		return false
	}
	if matched, _ := path.Match(s.name, d.Name); s.name != "" && !matched {
		return false
	}
	if !strings.Contains(d.Note, s.note) {
		return false
	}
	for _, tag := range s.tags {
		if !slices.Contains(d.Tags, tag) {
			return false
		}
	}
	if !math.IsInf(s.below, 1) && (d.Evaluation == nil || !(d.Evaluation.TestMSE < s.below)) {
		return false
	}
	for _, w := range s.settings {
		if d.Config == nil || !sameValue(d.Config.Values()[w.Key], w.Value) {
			return false
		}
	}
	return true
}

// sameValue reports whether two values are the same as texts, or as numbers.
func sameValue(a, b string) bool {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return a == b || err == nil && err2 == nil && x == y
}

// compare puts what is not known last.
func (s *selection) compare(a, b described) int {
	x, y := s.value(a), s.value(b)
	if x.known != y.known {
		if x.known == s.reverse {
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

func (s *selection) value(d described) ordered {
	text := func(is string) ordered { return ordered{known: is != "", text: is} }
	number := func(is *float64) ordered {
		if is == nil {
			return ordered{}
		}
		return ordered{known: true, number: *is}
	}
	step := float64(d.Step)
	switch s.sort {
	case "path":
		return text(d.Path)
	case "name":
		return text(d.Name)
	case "tags":
		return text(strings.Join(d.Tags, " "))
	case "state":
		return text(string(d.State))
	case "error":
		if d.Evaluation != nil {
			return number(&d.Evaluation.TestMSE)
		}
	case "best":
		if d.Best != nil {
			return number(&d.Best.TestMSE)
		}
	case "loss":
		return number(d.Loss)
	case "step":
		return number(&step)
	case "time":
		return number(&d.Seconds)
	default:
		if d.Config != nil {
			value := d.Config.Values()[s.sort]
			if x, err := strconv.ParseFloat(value, 64); err == nil {
				return number(&x)
			}
			return text(value)
		}
	}
	return ordered{}
}
