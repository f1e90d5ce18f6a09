package web

import (
	"fmt"
	"strconv"
	"strings"

	"icar/run"
	"icar/train"
)

// selectParameters are the flags of icar runs list, by which the page's list is chosen and
// ordered.
var selectParameters = []parameter{
	text("name", "a pattern", 1, "only runs whose name is like it; * stands for anything"),
	text("note", "a text", 1, "only runs whose note contains it"),
	text("tag", "a word", 8, "only runs with this tag; of more, all"),
	choice("state", "state", "only runs of this state",
		append([]string{anyState}, train.States()...)...),
	text("where", "KEY=VALUE", 8, "only runs with this setting; of more, all"),
	text("below", "a number", 1, "only runs whose last test error is below it"),
	text("sort", "a key", 1,
		"order by it: "+strings.Join(train.Orders(), ", ")+", or a setting; none is path"),
	choice("reverse", "direction", "in the other direction", "no", "yes"),
}

const anyState = "any"

// selectionOf reads them.
func selectionOf(v values, catalogue *train.Catalogue) (train.Selection, error) {
	s := train.Selection{Name: v["name"], Note: v["note"], Tags: v.all("tag"), Sort: v["sort"],
		Reverse: v.on("reverse")}
	if v["state"] != anyState {
		s.State = v["state"]
	}
	for _, text := range v.all("where") {
		w, err := train.ParseWhere(text)
		if err != nil {
			return s, err
		}
		s.Where = append(s.Where, w)
	}
	if text := v["below"]; text != "" {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return s, fmt.Errorf("below %.40q is no number: use one such as 0.1", text)
		}
		s.Below = &x
	}
	return s, s.Check(catalogue)
}

// listed is what a run is selected by.
func (r shelfRun) listed() train.Listed {
	l := train.Listed{Path: r.path, Label: r.Label, State: r.State, Step: r.Step,
		Evaluation: r.Evaluation, Seconds: r.Seconds}
	if r.err != nil {
		return train.Listed{Path: r.path, State: run.Damaged}
	}
	l.Config = &r.config
	if r.Step > 0 {
		l.Loss = &r.Loss
	}
	if r.Best != nil {
		l.Best = &train.Best{Step: r.Best.Step, TestMSE: r.Best.TestMSE}
	}
	return l
}
