package command

import (
	"math"
	"strings"

	"github.com/spf13/pflag"

	"icar/train"
)

// selection are the flags that say which runs a list has, and in which order.
type selection struct {
	train.Selection
	where []string // KEY=VALUE
	below float64  // test error
}

func (s *selection) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.Name, "name", "",
		"only runs whose name is like a `pattern`, in which * stands for anything")
	flags.StringVar(&s.Note, "note", "", "only runs whose note contains a `text`")
	flags.StringSliceVar(&s.Tags, "tag", nil,
		"only runs with a tag, a `word`; of more, with commas or again, all")
	flags.StringVar(&s.State, "state", "",
		"only runs of a `state`: "+strings.Join(train.States(), ", "))
	flags.StringArrayVar(&s.where, "where", nil,
		"only runs with a setting, `KEY=VALUE`; may be given again")
	flags.Float64Var(&s.below, "below", math.Inf(1),
		"only runs whose last test error is below a `number`")
	flags.StringVar(&s.Sort, "sort", "path",
		"order by a `key`: "+strings.Join(train.Orders(), ", ")+", or a setting")
	flags.BoolVar(&s.Reverse, "reverse", false, "in the other direction")
	flags.Lookup("below").DefValue = "" // any
}

// check returns an error about a selection that none can meet.
func (s *selection) check(catalogue *train.Catalogue) error {
	for _, text := range s.where {
		w, err := train.ParseWhere(text)
		if err != nil {
			return err
		}
		s.Where = append(s.Where, w)
	}
	if !math.IsInf(s.below, 1) {
		s.Below = &s.below
	}
	return s.Check(catalogue)
}

// listed is what a run is selected by.
func (d described) listed() train.Listed {
	return train.Listed{Path: d.Path, Label: d.Label, State: d.State, Step: d.Step, Loss: d.Loss,
		Evaluation: d.Evaluation, Best: d.Best, Seconds: d.Seconds, Config: d.Config}
}
